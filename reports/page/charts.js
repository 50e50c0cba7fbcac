// Charts: each figure holds its data (`Chart` in Python), which `plots` draws. A
// method that the pointer or the keyboard reaches is highlighted in all charts and tables.
let showSeed; // draw the charts of a seed; "": of the first of each method
{
  const { number, plot, stylesOf, titleOf } = plots;
  let chosenSeed = "";

  // Draw a chart for the width it has, of the chosen seed if it has several.
  function draw(figure) {
    const place = figure.querySelector(".chart");
    const all = figure.chart;
    const seeds = d3.group(all.rows, (row) => row.method);
    const first = (row) => seeds.get(row.method)[0].seed;
    const has = (row) => seeds.get(row.method).some(({ seed }) => String(seed) === chosenSeed);
    const rows = all.rows.filter((row) => row.seed === undefined || (has(row) ? String(row.seed) === chosenSeed : row.seed === first(row)));
    const chart = { ...all, rows };
    const styles = stylesOf(chart);
    const width = Math.min(place.clientWidth, 880);
    const svg = plot(chart, styles, width);
    svg.ariaHidden = "true"; // its values are in the table, and are read out one by one
    svg.addEventListener("input", () => {
      place.value = svg.value;
      highlight(svg.value?.method);
    });
    place.replaceChildren(svg);
    figure.titleOf = (row) => titleOf(chart, row);
    legend(figure, chart, styles);
    if (figure.querySelector("table")) writeNumbers(figure.querySelector("table"), chart);
  }

  // The values of a chart of lines: a row for each x, a column for each method.
  function writeNumbers(table, { rows, x }) {
    const values = d3.rollup(rows, ([row]) => row.y, (row) => row.x, (row) => row.method);
    const methods = [...new Set(rows.map((row) => row.method))];
    table.replaceChildren();
    const head = table.createTHead().insertRow();
    for (const name of [x, ...methods]) make("th", name, head).scope = "col";
    const body = table.createTBody();
    for (const [at, byMethod] of d3.sort(values, ([at]) => at)) {
      const line = body.insertRow();
      make("th", number(at), line).scope = "row";
      for (const method of methods) make("td", byMethod.has(method) ? byMethod.get(method).toFixed(2) : "", line);
    }
  }

  function legend(figure, { kind, rows }, styles) {
    const place = figure.querySelector(".legend");
    const sample = (style, text, element) => {
      const line = `<svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" stroke-width="2.5" style="stroke: ${style.colour}; stroke-dasharray: ${style.dash}"/></svg>`;
      const dot = `<svg width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="4.5" style="fill: ${style.colour}"/></svg>`;
      element.innerHTML = kind === "lines" ? line : dot;
      element.append(` ${text}`);
      return element;
    };
    if (kind === "lines") {
      place.replaceChildren(...Object.keys(styles).map((method) => {
        const button = sample(styles[method], method, document.createElement("button"));
        button.type = "button";
        button.dataset.method = method;
        button.ariaPressed = String(method === pinned);
        button.addEventListener("click", () => pin(method));
        return button;
      }));
      return;
    }
    const families = [...new Set(rows.map((row) => row.family))].filter(Boolean);
    place.replaceChildren(...families.map((family) => sample({ colour: `var(--${family})` }, family, document.createElement("span"))));
    if (rows.some((row) => row.front)) make("span", "filled, on the line: Pareto front", place);
    if (rows.some((row) => row.published != null)) make("span", "| published", place);
    if (rows.some((row) => row.errors?.length)) make("span", "small dots: single seeds", place);
  }

  // Highlighting: `pinned` stays when nothing else is pointed at.
  let pinned, highlighted;
  function highlight(method = pinned) {
    if (method === highlighted) return;
    highlighted = method;
    document.body.classList.toggle("highlighting", method !== undefined);
    for (const element of document.querySelectorAll("[data-method]")) element.classList.toggle("lit", element.dataset.method === method);
  }
  function pin(method) {
    pinned = pinned === method ? undefined : method;
    for (const button of document.querySelectorAll(".legend button")) button.ariaPressed = String(button.dataset.method === pinned);
    highlight();
  }
  for (const event of ["pointerover", "focusin"]) {
    document.addEventListener(event, ({ target }) => {
      if (!target.closest(".chart")) highlight(target.closest("[data-method]")?.dataset.method);
    });
  }
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && pinned) pin(pinned);
  });

  // Arrow keys point at one value after the other, as the mouse does.
  function step(figure, by) {
    const place = figure.querySelector(".chart");
    const values = [...place.querySelectorAll(".values > *")];
    figure.nth = ((figure.nth ?? -1) + by + values.length) % values.length;
    if (!values.length) return;
    values[figure.nth].scrollIntoView({ block: "nearest", inline: "nearest" });
    const { x, y, width, height } = values[figure.nth].getBoundingClientRect();
    const [clientX, clientY] = [x + width / 2, y + height / 2];
    place.firstElementChild.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerType: "mouse" }));
    figure.querySelector("[role=status]").textContent = place.value ? figure.titleOf(place.value) : "";
  }

  const figures = [...document.querySelectorAll("figure:has(> .chart)")];
  for (const figure of figures) {
    figure.chart = JSON.parse(figure.querySelector("script").textContent);
    const place = figure.querySelector(".chart");
    place.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      step(figure, by);
    });
    place.addEventListener("blur", () => place.firstElementChild.dispatchEvent(new PointerEvent("pointerleave", { pointerType: "mouse" })));
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width && contentRect.width !== figure.drawnAt) {
        figure.drawnAt = contentRect.width;
        draw(figure);
      }
    }).observe(place);
  }
  const methods = new Set(figures.flatMap((figure) => figure.chart.rows.map((row) => row.method)));
  for (const row of document.querySelectorAll("tbody tr")) {
    const name = row.cells[0]?.firstChild?.textContent.trim();
    if (methods.has(name)) row.dataset.method = name;
  }

  showSeed = (seed) => {
    chosenSeed = seed;
    for (const figure of figures) if (figure.chart.rows[0]?.seed !== undefined) draw(figure);
  };
}
