"use strict";
const make = (tag, text, parent) => {
  const element = document.createElement(tag);
  element.textContent = text;
  parent?.append(element);
  return element;
};

// Sort numbers by value and words alphabetically; unknown values come last.
const table = document.getElementById("comparison");
for (const head of table.querySelectorAll("thead th")) {
  head.firstElementChild.addEventListener("click", () => {
    const down = head.ariaSort === "ascending";
    const column = head.cellIndex;
    const value = (row) => row.cells[column]?.dataset.value ?? "";
    const sign = down ? -1 : 1;
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return sign * (head.dataset.kind === "number" ? x - y : x < y ? -1 : Number(x > y));
    };
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    head.ariaSort = down ? "descending" : "ascending";
    for (const body of table.tBodies) body.append(...[...body.rows].sort(order));
  });
}
