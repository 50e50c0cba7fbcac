const data = JSON.parse(document.getElementById("data").textContent);

// Show the confusion matrix of one method.
const chosen = document.getElementById("confusion-method");
function showConfusion() {
  const counts = data.confusions[chosen.value];
  const place = document.getElementById("confusion");
  place.replaceChildren();
  make("caption", `${chosen.value}: rows are true classes, columns are predicted classes`, place);
  const first = place.createTHead().insertRow();
  for (const name of ["true class", ...data.classes]) make("th", name, first).scope = "col";
  const most = Math.max(1e-9, ...counts.flatMap((row, i) => row.filter((_, j) => j !== i)));
  const body = place.createTBody();
  counts.forEach((row, i) => {
    const line = body.insertRow();
    make("th", data.classes[i], line).scope = "row";
    row.forEach((count, j) => {
      const cell = make("td", Number(count.toFixed(1)), line);
      if (i !== j) cell.style.setProperty("--v", count / most);
    });
  });
}
chosen.addEventListener("change", showConfusion);
showConfusion();

// Misclassified images: one button per tile of the sheet, one row per tile in the data:
// [position, true class, number of methods that are wrong, ...predictions].
const atlas = data.atlas;
const [TRUTH, WRONG, PREDICTIONS] = [1, 2, 3];
const style = document.documentElement.style;
// a rule is parsed once, a custom property again for each of the tiles
const sheet = new CSSStyleSheet();
sheet.insertRule(`.tile { background-image: url(${atlas.sheet}); }`);
document.adoptedStyleSheets = [sheet];
style.setProperty("--columns", atlas.columns);
style.setProperty("--h", atlas.tile[0]);
style.setProperty("--w", atlas.tile[1]);
const place = (tile, i) => {
  tile.style.setProperty("--x", i % atlas.columns);
  tile.style.setProperty("--y", Math.floor(i / atlas.columns));
};
const describe = (image) =>
  `Test image ${image[0]}: true class ${atlas.classes[image[TRUTH]]}, misclassified by ${image[WRONG]} of ${atlas.methods.length} methods`;
const tiles = atlas.images.map((image, i) => {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  tile.ariaLabel = describe(image);
  place(tile, i);
  tile.addEventListener("click", () => open(i));
  return tile;
});
const filters = document.getElementById("filters");
function filter() {
  const { method, truth, answer, order } = Object.fromEntries(new FormData(filters));
  const column = atlas.methods.indexOf(method);
  const shown = atlas.images
    .map((_, i) => i)
    .filter((i) => {
      const image = atlas.images[i];
      const predictions = column < 0 ? image.slice(PREDICTIONS) : [image[PREDICTIONS + column]];
      const wrong = predictions.filter((predicted) => predicted !== image[TRUTH]);
      return wrong.length && (truth === "" || image[TRUTH] === Number(truth)) && (answer === "" || wrong.includes(Number(answer)));
    });
  const by = { most: (i) => -atlas.images[i][WRONG], fewest: (i) => atlas.images[i][WRONG], position: (i) => atlas.images[i][0] }[order];
  shown.sort((a, b) => by(a) - by(b) || a - b);
  document.getElementById("atlas").replaceChildren(...shown.map((i) => tiles[i]));
  document.getElementById("shown").textContent = `Showing ${shown.length.toLocaleString("en")} of ${atlas.images.length.toLocaleString("en")} images`;
}
filters.addEventListener("change", filter);
filter();

const dialog = document.getElementById("digit");
function open(i) {
  const image = atlas.images[i];
  document.getElementById("digit-title").textContent = describe(image);
  place(dialog.querySelector(".large"), i);
  const body = dialog.querySelector("tbody");
  body.replaceChildren();
  atlas.methods.forEach((method, k) => {
    const row = body.insertRow();
    const predicted = image[PREDICTIONS + k];
    row.className = predicted === image[TRUTH] ? "" : "wrong";
    make("td", method, row);
    make("td", atlas.classes[predicted], row);
    const percents = atlas.probabilities[method]?.[i];
    const text = percents?.map((p, c) => (p ? `${atlas.classes[c]}: ${p}` : "")).filter(Boolean).join(", ");
    make("td", text ?? "not stored", row);
  });
  dialog.showModal();
}
