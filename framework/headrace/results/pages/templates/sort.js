"use strict";
// Makes the heads of tables buttons that sort the rows: first ascending, then descending.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, heads, place));
    head.append(button);
  });
}

function sort(table, heads, place) {
  const direction = heads[place].getAttribute("aria-sort") === "ascending" ? -1 : 1;
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[place].setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row.cells[place]), row]);
  rows.sort(([one], [other]) => compare(one, other, direction));
  body.append(...rows.map(([, row]) => row));
}

function key(cell) {
  const told = cell.dataset.sort;
  return told === undefined ? cell.textContent.trim() : told === "" ? null : Number(told);
}

// What is not known comes last, whatever the direction.
function compare(one, other, direction) {
  if (one === null || other === null) return (one === null) - (other === null);
  const order = typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
  return direction * order;
}

// Gives each text that is there to be copied a button which does that.
for (const text of navigator.clipboard ? document.querySelectorAll("pre.copy") : []) {
  const content = text.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(content);
    button.textContent = "Copied";
  });
  text.classList.add("can");
  text.append(button);
}
