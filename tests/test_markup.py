"""HTML and SVG elements: text is escaped, markup is not escaped twice."""

from facewright.evaluation.report.markup import Markup, element, joined, number


def test_text_and_attributes_are_escaped() -> None:
    made = element("p", "<b> & \"x\"", title='"><script>')
    assert made == '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt; &amp; &quot;x&quot;</p>'


def test_markup_inside_markup_stays() -> None:
    inner = element("b", "a<b")
    assert element("p", inner, " < ") == "<p><b>a&lt;b</b> &lt; </p>"
    assert joined(inner, "<") == "<b>a&lt;b</b>&lt;"
    assert isinstance(joined("x"), Markup)


def test_attributes_names_numbers_and_switches() -> None:
    made = element("line", class_="a", stroke_width=2.0, x1=-0.001, x2=1 / 3, hidden=True, id=None, focusable=False)
    assert made == '<line class="a" stroke-width="2" x1="0" x2="0.33" hidden></line>'


def test_void_elements_have_no_end() -> None:
    assert element("img", src="x", alt="") == '<img src="x" alt="">'


def test_numbers() -> None:
    assert [number(v) for v in (0.0, -0.004, 10.0, 1.239, -2.5)] == ["0", "0", "10", "1.24", "-2.5"]
