// What Observable Plot draws for each kind of `Chart` (in Python): marks, axes and the text of
// a value.
const plots = (() => {
  const PALETTE = 8, DASHES = ["", "7 3", "2 2", "8 3 2 3"];
  const number = (value) => value.toLocaleString("en", Number.isInteger(value) ? {} : { maximumSignificantDigits: 3 });
  const compact = (value) => value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 });

  // Colour and dashes by method: methods of one family differ in dashes, others in colour.
  function stylesOf({ kind, rows }) {
    const several = kind !== "lines" || new Set(rows.map((row) => row.family)).size > 1;
    const used = {};
    const styles = {};
    for (const { method, family } of rows) {
      if (method in styles) continue;
      const nth = (used[family] = (used[family] ?? -1) + 1);
      styles[method] = several
        ? { colour: `var(--${family ?? "dim"})`, dash: DASHES[nth % 4] }
        : { colour: `var(--colour-${nth % PALETTE})`, dash: DASHES[nth % 3] };
    }
    return styles;
  }

  // Give what a mark draws of a row its method, so that it can be highlighted, and its style.
  const tagged = (rows, styles, paints = ["stroke"], place = (values) => values) => ({
    render(index, scales, values, dimensions, context, next) {
      const drawn = next(index, scales, place(values, index), dimensions, context);
      d3.select(drawn).selectChildren().each(function (rowOrRows) {
        const { method } = rows[rowOrRows.length ? rowOrRows[0] : rowOrRows];
        this.dataset.method = method;
        for (const paint of paints) this.style[paint] = styles[method].colour;
        if (this.tagName === "path") this.style.strokeDasharray = styles[method].dash;
      });
      return drawn;
    },
  });

  // How many panels of lines stand side by side.
  const columnsOf = (rows, width) => (new Set(rows.map((row) => row.panel)).size === 1 ? 1 : width < 600 ? 2 : 4);

  // The axis of x or y. A logarithmic one is labelled at 1, 2 and 5 of each decade, or at
  // powers of ten if there is no room, and begins at 0.005, for it has no zero.
  const LEAST = 0.005;
  function axis({ kind, rows, log, x, y }, name, width) {
    const common = { label: { x, y }[name], labelArrow: "none", ...(name === "x" && { labelOffset: 40 }), grid: true, tickFormat: compact };
    const numbers = rows.map((row) => row[name]).filter((value) => value != null);
    if (kind === "lines" && name === "x" && numbers.every(Number.isInteger)) {
      // no ticks between two layers or epochs
      common.ticks = d3.ticks(d3.min(numbers), d3.max(numbers), width / columnsOf(rows, width) / 60).filter(Number.isInteger);
    }
    if (!log.includes(name)) return { ...common, nice: true, zero: name === "y" && rows.some((row) => row.panel) };
    const bounds = name === (kind === "intervals" ? "x" : "y") ? ["low", "high"] : []; // of the error
    const values = rows.flatMap((row) => [name, ...bounds].map((key) => row[key]));
    const [least, most] = d3.extent(values.filter((value) => value != null), (value) => Math.max(value, LEAST));
    const [low, high] = [least / 1.15, most * 1.15];
    const room = (name === "x" ? width : 420) / 45;
    const decades = Math.log10(high / low);
    const factors = 3 * decades > room ? [1] : [1, 2, 5];
    const ticks = d3.range(-3, 12, decades > room ? 2 : 1).flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)));
    return { ...common, type: "log", domain: [low, high], ticks: ticks.filter((tick) => low <= tick && tick <= high) };
  }
  const on = (chart, name) => (row) => (chart.log.includes(name) ? Math.max(row[name], LEAST) : row[name]);

  // Plot would leave out some labels of a logarithmic axis, unless they are given as texts.
  function withLogarithmicAxes(options) {
    const given = { x: Plot.axisX, y: Plot.axisY };
    const axes = Object.keys(given).filter((name) => options[name].type === "log");
    const marks = axes.map((name) => given[name](options[name].ticks, { text: compact, label: options[name].label, labelArrow: "none", ...(name === "x" && { labelOffset: 40 }) }));
    return { marginBottom: 46, ...options, marks: [...marks, ...options.marks] };
  }

  function titleOf(chart, row) {
    if (row.layer) {
      const field = row.field_px ? `${row.field_px} x ${row.field_px} pixels` : "the whole image";
      const shape = [row.maps, row.height, row.width].slice(0, row.height > 1 ? 3 : 1).join(" x ");
      return `${row.method}: ${row.layer}\noutput: ${shape}\nparameters: ${number(row.n_parameters)}\none output sees ${field}`;
    }
    const range = row.low == null ? "" : ` (${number(row.low)} to ${number(row.high)})`;
    const lines = [row.panel ? `${row.method}, ${row.panel}` : row.method];
    if (row.seed !== undefined) lines[0] += `, seed ${row.seed}`;
    if (typeof row.y === "number") lines.push(`${chart.x}: ${number(row.x)}`, `${chart.y.replace(/ with .*/, "")}: ${number(row.y)}${range}`);
    else lines.push(`${chart.x.replace(/ with .*/, "")}: ${number(row.x)}${range}`);
    if (row.errors?.length) lines.push(`seeds: ${row.errors.map(number).join(", ")}`);
    if (row.published != null) lines.push(`published: ${number(row.published)}`);
    return lines.join("\n");
  }
  const tip = (chart, at, pointer = Plot.pointer) =>
    Plot.tip(chart.rows, pointer({ ...at, title: (row) => titleOf(chart, row), maxRadius: 60, lineHeight: 1.25 }));

  const KINDS = {
    intervals(chart, styles, width) {
      const { rows } = chart;
      const y = "method";
      const seeds = rows.flatMap((row) => row.errors.map((error) => ({ method: row.method, x: error })));
      return {
        height: 24 * rows.length + 50,
        marginLeft: Math.max(115, 12 + 6.6 * Math.max(...rows.map((row) => row.method.length))),
        x: axis(chart, "x", width),
        y: { type: "band", domain: rows.map((row) => row.method), label: null, tickSize: 0 },
        marks: [
          Plot.tickX(rows, { x: "published", y, strokeWidth: 2, inset: 3, ...tagged(rows, styles, []) }),
          Plot.ruleY(rows, { x1: "low", x2: "high", y, strokeWidth: 2, ...tagged(rows, styles) }),
          Plot.dot(seeds, { x: on(chart, "x"), y, r: 1.5, dy: 7, stroke: "none", ...tagged(seeds, styles, ["fill"]) }),
          Plot.dot(rows, { x: on(chart, "x"), y, r: 4.5, stroke: "none", className: "values", ...tagged(rows, styles, ["fill"]) }),
          tip(chart, { x: on(chart, "x"), y }, Plot.pointerY),
        ],
      };
    },
    points(chart, styles, width) {
      const at = { x: on(chart, "x"), y: on(chart, "y") };
      const front = d3.sort(chart.rows.filter((row) => row.front), (row) => row.x);
      const rows = width < 600 && front.length ? front : chart.rows; // a phone has room for few names
      // Names stand right of their points, or left of them where the chart ends, and move down
      // until they cover no point and no other name.
      const beside = ({ x: centre, y: middle, ...values }, index) => {
        const [x, y] = [centre.slice(), middle.slice()];
        const taken = Array.from(places(centre, middle));
        for (const i of d3.sort(index, (i) => middle[i])) {
          const name_px = 6.4 * rows[i].method.length;
          if (x[i] + 9 + name_px > width) x[i] -= 16 + name_px;
          const [left, right] = [x[i] + 7, x[i] + 9 + name_px];
          y[i] -= 4;
          while (taken.some(([from, to, height]) => left < to && from < right && Math.abs(y[i] - height) < 10)) y[i] += 2;
          taken.push([left, right, y[i]]);
        }
        return { x, y, ...values };
      };
      const places = (x, y) => Array.from(x, (left, i) => [left - 5, left + 5, y[i]]);
      return {
        height: width < 600 ? 320 : 420,
        marginRight: width < 600 ? 85 : 95,
        marginLeft: 45,
        x: axis(chart, "x", width),
        y: axis(chart, "y", width),
        marks: [
          Plot.line(front, { ...at, curve: "step-after", stroke: "var(--dim)" }),
          Plot.dot(chart.rows, { ...at, r: 4.5, strokeWidth: 2, className: "values", fill: (row) => (row.front ? "currentColor" : "var(--ground)"), ...tagged(chart.rows, styles, ["stroke", "color"]) }),
          Plot.text(rows, { ...at, text: "method", dx: 8, textAnchor: "start", fontSize: 11, fill: "currentColor", stroke: "var(--ground)", strokeWidth: 4, ...tagged(rows, styles, [], beside) }),
          tip(chart, at),
        ],
      };
    },
    lines(chart, styles, width) {
      const { rows } = chart;
      const panels = [...new Set(rows.map((row) => row.panel))];
      const columns = columnsOf(rows, width);
      const nth = ({ panel }) => panels.indexOf(panel);
      const facets = columns === 1 ? {} : { fx: (row) => nth(row) % columns, fy: (row) => Math.floor(nth(row) / columns) };
      const at = { x: on(chart, "x"), y: on(chart, "y"), ...facets };
      const bounded = rows.filter((row) => row.low != null);
      const titles = columns === 1 ? [] : panels.map((panel) => ({ panel }));
      return {
        height: columns === 1 ? (width < 600 ? 320 : 420) : 150 * Math.ceil(panels.length / columns) + 60,
        marginLeft: 45,
        marginTop: columns === 1 ? 20 : 36, // the label of y stands above the panels' titles
        x: axis(chart, "x", width),
        y: { ...axis(chart, "y", width), labelOffset: 36 },
        ...(columns === 1 ? {} : { fx: { axis: null }, fy: { axis: null, padding: 0.3 } }),
        marks: [
          Plot.areaY(bounded, { ...at, y: undefined, y1: (row) => Math.max(row.low, LEAST), y2: "high", z: "method", fillOpacity: 0.15, ...tagged(bounded, styles, ["fill"]) }),
          Plot.lineY(rows, { ...at, z: "method", strokeWidth: 1.8, ...tagged(rows, styles) }),
          Plot.dot(rows, { ...at, r: columns === 1 ? 2.2 : 1.2, stroke: "none", className: "values", ...tagged(rows, styles, ["fill"]) }),
          Plot.text(titles, { ...facets, text: "panel", frameAnchor: "top", dy: -2, fontSize: 11, lineAnchor: "bottom" }),
          tip(chart, at),
        ],
      };
    },
    bars(chart, styles, width) {
      const { rows } = chart;
      const at = { x: "x", y: "method" };
      return {
        height: 46 * rows.length + 50,
        marginLeft: 5,
        marginRight: 45,
        x: { ...axis(chart, "x", width), zero: true },
        y: { type: "band", domain: rows.map((row) => row.method), axis: null },
        marks: [
          Plot.text(rows, { x: 0, y: "method", text: "method", dy: -13, textAnchor: "start" }),
          Plot.barX(rows, { ...at, insetTop: 20, insetBottom: 6, fillOpacity: 0.7, className: "values", ...tagged(rows, styles, ["fill"]) }),
          Plot.text(rows, { ...at, text: (row) => row.x.toFixed(2), dx: 6, dy: 8, textAnchor: "start" }),
          tip(chart, at, Plot.pointerY),
        ],
      };
    },
  };

  // A network: a block per layer, as high as its maps and as wide as they are many.
  const SLOT = 82, CHARACTER = 6; // pixels
  KINDS.layers = (chart, styles) => {
    const { rows } = chart;
    const isMap = (row) => row.height > 1;
    const x = (row) => rows.indexOf(row);
    const top = (row) => (isMap(row) ? Math.max(row.height / rows[0].height, 0.08) : Math.min(1, Math.log2(row.maps) / 10)) / 2;
    const half = (row) => (isMap(row) ? Math.min(0.42, 0.05 + Math.log2(row.maps) / 24) : 0.09);
    const shape = (row) => (isMap(row) ? [row.maps, row.height, row.width] : [row.maps]).join(" × ");
    const write = (text, y, options) => Plot.text(rows, { x, y: () => y, text, fontSize: 11, ...options, ...tagged(rows, styles, []) });
    const shortcuts = rows.filter((row) => row.shortcut);
    const slot = Math.max(SLOT, 8 + CHARACTER * Math.max(...rows.map((row) => shape(row).length)));
    return {
      width: slot * rows.length,
      height: 200,
      margin: 0,
      marginBottom: 0,
      x: { domain: [-0.5, rows.length - 0.5], axis: null },
      y: { domain: [-1.12, 0.95], axis: null },
      marks: [
        Plot.rect(rows, {
          x1: (row) => x(row) - half(row),
          x2: (row) => x(row) + half(row),
          y1: (row) => -top(row),
          y2: top,
          fill: (row) => (row.n_parameters ? "var(--network)" : "var(--dim)"),
          fillOpacity: 0.55,
          stroke: "var(--ink)",
          className: "values",
          ...tagged(rows, styles, []),
        }),
        Plot.arrow(shortcuts, {
          x1: (row) => x(row) - row.shortcut,
          x2: x,
          y1: (row) => top(rows[x(row) - row.shortcut]) + 0.05,
          y2: (row) => top(row) + 0.05,
          bend: 35,
          headLength: 6,
          stroke: "var(--classical)",
        }),
        write(shape, 0.85),
        write((row) => row.layer.replace(/ (\d|over)/, "\n$1"), -0.6, { lineAnchor: "top", lineWidth: 6.5 }),
        write((row) => (row.n_parameters ? number(row.n_parameters) : ""), -1.03, { fontWeight: "bold" }),
        tip(chart, { x, y: () => 0 }, Plot.pointerX),
      ],
    };
  };

  // Draw a chart as an SVG element whose value is the row that is pointed at.
  function plot(chart, styles, width) {
    const options = KINDS[chart.kind](chart, styles, width);
    return Plot.plot({ width, style: { fontSize: "12px" }, ...withLogarithmicAxes(options) });
  }
  return { number, plot, stylesOf, titleOf };
})();
