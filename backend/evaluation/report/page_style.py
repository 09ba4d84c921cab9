"""How the report's page looks (system fonts, one accent colour; light, dark, print) and the little that it does."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1a1d21; --soft: #5b626c; --rule: #dfe2e6; --band: #f5f6f8; --accent: #0b5cbd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e6e8eb; --soft: #a3abb6; --rule: #32363c; --band: #1d2024; --accent: #7db4ff;
    --name-0: #6aa9ff; --name-1: #f0955a; --name-2: #52c79d; --name-3: #cf8ae0; --name-4: #d4b84a;
    --name-5: #f27da0; --name-reference: #a3abb6;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 0 1.5rem 6rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main, header { max-width: 84rem; margin: 0 auto; }
header { padding: 3.5rem 0 0; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.015em; font-weight: 650; margin: 0.2rem 0 0.6rem; }
h2 { font-size: 1.35rem; letter-spacing: -0.01em; font-weight: 650; margin: 4.2rem 0 0.6rem; }
h3 { font-size: 1rem; font-weight: 650; margin: 2.2rem 0 0.6rem; }
h1, h2, h3, td, th, p { overflow-wrap: break-word; }
p { max-width: 46rem; margin: 0.5rem 0; }
.kind { color: var(--accent); font-weight: 600; margin: 0; }
.soft, .note { color: var(--soft); }
.note { font-size: 0.9rem; }
.gap { margin-top: 2.4rem; }
a { color: var(--accent); }
nav { margin: 1.6rem 0 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.3rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
ul.answers { list-style: none; padding: 0; margin: 1.6rem 0 0; max-width: 72rem; }
ul.answers li { padding: 0.35rem 0; }
ul.answers li:first-child { font-size: 1.2rem; line-height: 1.45; }
.wide { overflow-x: auto; margin: 0.9rem 0 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 24rem; }
th, td { padding: 0.42rem 1.1rem 0.42rem 0; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; padding-right: 1.4rem; min-width: 8.5rem; }
tbody th, thead th:first-child { min-width: 12rem; }
thead th { border-bottom: 1.5px solid var(--ink); font-weight: 600; vertical-align: bottom; }
tbody tr { border-bottom: 1px solid var(--rule); }
tbody th { font-weight: 400; }
td small, th small { display: block; color: var(--soft); font-size: 0.8rem; white-space: nowrap; }
td strong { color: var(--accent); }
th button {
  all: unset; cursor: pointer; font-weight: 600; border-bottom: 1px dotted currentColor;
}
th button:focus-visible, summary:focus-visible, .wide:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px;
}
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
.columns { columns: 35rem; column-gap: 2.4rem; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 35rem), 1fr)); gap: 0 2.4rem; }
.many { display: block; columns: auto; }
.columns .wide { break-inside: avoid; margin: 0; padding: 0.9rem 0 0.6rem; }
.columns table, .tables table { table-layout: fixed; width: 100%; min-width: calc(8rem + var(--names) * 5.4rem); }
:is(.columns, .tables) :is(th, td) { padding-right: 0; min-width: 0; }
:is(.columns, .tables) .number { padding: 0.42rem 0 0.42rem 0.3rem; min-width: 0; }
:is(.columns, .tables) thead th:first-child { width: var(--label); }
:is(.columns, .tables) thead th { font-size: 0.85rem; font-stretch: condensed; }
:is(.columns, .tables) small {
  white-space: normal; overflow-wrap: normal; font-size: 0.7rem; line-height: 1.4; font-stretch: condensed;
}
caption { text-align: left; font-weight: 650; padding-bottom: 0.2rem; }
caption span { font-weight: 400; color: var(--soft); padding-left: 0.6rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem 2.4rem; }
.charts table { width: 100%; }
.charts td.number, .charts th.number { min-width: 5rem; }
figure { margin: 0; }
figcaption { margin: 0 0 0.4rem; font-weight: 600; }
svg.chart { width: 100%; max-width: 640px; height: auto; display: block; }
svg.scale { max-width: 100%; height: auto; display: block; margin: 0.8rem 0 0.4rem; }
.means {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1.4rem 1rem; margin-top: 1rem;
}
img { display: block; max-width: 100%; height: auto; }
.means small { display: block; font-weight: 400; color: var(--soft); }
.means figure { max-width: 26rem; }
.means .pictures img { width: calc(50% - 0.25rem); }
.pictures { display: flex; gap: 0.5rem; align-items: flex-start; }
article { border-top: 1px solid var(--rule); padding: 1.4rem 0 1.6rem; }
article h4 { font-size: 1rem; font-weight: 650; margin: 0 0 0.8rem; }
article h4 span { font-weight: 400; color: var(--soft); padding-left: 0.6rem; }
.case { display: flex; gap: 1.6rem 2rem; align-items: flex-start; }
.case > .photo { flex: none; width: 160px; }
.case > .photo img { border-radius: 3px; }
.pairs {
  flex: 1; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.4rem 2rem;
}
.pairs .pictures img { flex: 1 1 0; min-width: 0; max-width: 200px; }
.pairs .pictures img.flat { border-radius: 3px; }
.pairs figcaption { margin: 0 0 0.45rem; font-weight: 400; }
.pairs figcaption b { font-weight: 650; display: block; }
.pairs figcaption { max-width: 26rem; }
.pairs figcaption span { color: var(--soft); font-size: 0.9rem; font-variant-numeric: tabular-nums; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.6rem; max-width: 60rem; }
dt { font-weight: 600; }
dd { margin: 0; }
pre { overflow-x: auto; background: var(--band); padding: 1rem; font-size: 0.85rem; border-radius: 3px; }
@media (max-width: 700px) {
  body { padding: 0 1rem 4rem; }
  header { padding-top: 1.8rem; }
  h1 { font-size: 1.5rem; }
  ul.answers li:first-child { font-size: 1.05rem; }
  td.number, th.number { min-width: 0; }
  tbody th, thead th:first-child { min-width: 8rem; }
  .pairs { display: block; }
  .pairs figure { margin-bottom: 1.4rem; }
  .case { display: block; }
  .case > .photo { margin-bottom: 1rem; }
  dl { display: block; }
  dd { margin-bottom: 0.7rem; }
}
@media print {
  body { padding: 0; font-size: 11pt; }
  nav, summary { display: none; }
  article, table, figure { break-inside: avoid; }
  th button { border: 0; }
}
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}
function key(row, column) {
  const cell = row.cells[column];
  return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
}
function compared(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a.localeCompare(b, "en", { numeric: true });
}
function sort(table, heads, column) {
  const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => {
    const order = compared(key(a, column), key(b, column));
    return ascending ? order : -order;
  });
  body.append(...rows);
}
"""
