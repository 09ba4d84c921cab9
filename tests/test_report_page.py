"""The HTML report: one page, balanced, escaped, without any address outside itself; as a browser shows it."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evaluation_report import NAMES, example_report
from facewright.evaluation.report.contents import Report
from facewright.evaluation.report.page import page

VOID = {"img", "meta", "br", "input", "link", "col"}
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page(HTMLParser):
    """Elements, texts and addresses; fails where tags do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data + "\t"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return example_report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return page(report)


@pytest.fixture(scope="module")
def parsed(text: str) -> Page:
    result = Page()
    result.feed(text)
    result.close()
    return result


def test_every_element_is_closed_and_every_id_once(parsed: Page) -> None:
    assert parsed.open == []
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for tag, a in parsed.tags if tag == "a"]
    assert links and {link.removeprefix("#") for link in links} <= set(ids)


def test_nothing_is_fetched(parsed: Page, text: str) -> None:
    for tag, attributes in parsed.tags:
        assert tag not in ("link", "iframe", "object", "embed")
        for name in ("src", "href", "data", "srcset", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/webp;base64,", "#")), (tag, value)
    outside = re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "", text).replace("http://www.w3.org/2000/svg", "")
    assert "://" not in outside and "@import" not in outside and "url(" not in outside.replace("url(#", "")


def test_text_from_data_is_escaped(text: str) -> None:
    assert "a &lt;b&gt;program&lt;/b&gt; &amp; &quot;co&quot;" in text
    for raw in ("<b>program", "<studio>", "<x>.obj"):
        assert raw not in text


def test_summary_holds_the_reports_numbers(parsed: Page, report: Report) -> None:
    row = next(row for row in parsed.rows if row[0] == "CD, mm\t")
    for cell, name in zip(row[1:], NAMES, strict=True):
        assert cell.split("\t")[0] == f"{report.summary[name].metrics['cd'].mean:.2f}"
    assert row[1].split("\t")[1].replace("\N{NO-BREAK SPACE}", " ") == "× 0.82 (0.71 to 0.94)"


def test_every_image_has_its_row(parsed: Page, report: Report) -> None:
    start = next(k for k, row in enumerate(parsed.rows) if row[:2] == ["image\t", "yaw (°)\t"])
    rows = parsed.rows[start + 1 : start + 5]
    assert [row[0].strip() for row in rows] == [case.id for case in report.cases]
    for row, case in zip(rows, report.cases):
        expected = [report.scores[case.id].get(name, {}).get("now_median") for name in NAMES]
        assert [cell.strip() for cell in row[-3:]] == ["–" if v is None else f"{v:.2f}" for v in expected]


def test_pictures_have_words_and_tables_have_heads(parsed: Page) -> None:
    assert all(attributes.get("alt") for tag, attributes in parsed.tags if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in parsed.tags if tag == "th")
    assert all(a.get("aria-label") for tag, a in parsed.tags if tag == "svg")
    assert dict(parsed.tags)["html"] == {"lang": "en"}


def test_failures_are_named(parsed: Page) -> None:
    reason = "There is no result: neither <x>.obj nor a head bundle."
    assert [f"{cell}\t" for cell in ("s1/img_3", NAMES[1], reason)] in parsed.rows


def test_the_same_page_from_two_processes_which_say_how_far_they_are(report: Report, text: str) -> None:
    shares: list[float] = []
    assert page(report, 2, shares.append) == text
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_a_run_without_any_score_still_has_a_page(report: Report) -> None:
    nothing = replace(
        report, scores={}, tables={}, curves={}, paired=(),
        summary={name: replace(s, scored=0, metrics={}, pooled={}) for name, s in report.summary.items()},
    )  # fmt: skip
    made = Page()
    made.feed(page(nothing))
    assert made.open == []
    assert any(row[0] == "s1/img_3\t" for row in made.rows)


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_shows_it_sorts_and_complains_about_nothing(text: str, tmp_path: Path) -> None:
    probe = """<script>
      const buttons = document.querySelectorAll("table.sortable th button");
      const column = [...document.querySelectorAll("table.sortable")][0];
      const last = column.tHead.rows[0].cells.length - 1;
      column.tHead.rows[0].cells[last].querySelector("button").click();
      const values = [...column.tBodies[0].rows].map((row) => Number(row.cells[last].dataset.value));
      document.title = JSON.stringify({ buttons: buttons.length, values });
    </script>"""
    file = tmp_path / "report.html"
    file.write_text(text.replace("</body>", probe + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--log-level=0",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    shown = re.search(r"<title>(.*?)</title>", done.stdout)
    assert shown is not None
    found = re.match(r'\{"buttons":(\d+),"values":\[(.*)\]\}', shown.group(1))
    assert found is not None and int(found.group(1)) > 5
    values = [float(value) for value in found.group(2).split(",")]
    assert len(values) == 4 and values == sorted(values)
