const data = JSON.parse(document.getElementById("data").textContent);
let chosenSeed = "";
// What a method has of the chosen seed, or else of its first.
const ofSeed = (bySeed) => bySeed[chosenSeed] ?? Object.values(bySeed)[0];

// Show the confusion matrix of one method, of the chosen seed or the mean over all.
const chosen = document.getElementById("confusion-method");
function showConfusion() {
  const bySeed = data.confusions[chosen.value];
  if (!bySeed) return; // every run failed
  const all = Object.values(bySeed);
  const mean = all[0].map((row, i) => row.map((_, j) => d3.mean(all, (counts) => counts[i][j])));
  const counts = chosenSeed === "" ? mean : ofSeed(bySeed);
  const seeds = chosenSeed === "" ? "mean over its seeds" : `seed ${chosenSeed in bySeed ? chosenSeed : `${Object.keys(bySeed)[0]}, its first`}`;
  const place = document.getElementById("confusion");
  place.replaceChildren();
  make("caption", `${chosen.value}, ${seeds}: rows are true classes, columns are predicted classes`, place);
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
// [position, true class]. `answers` are the predictions of the chosen seed, by method.
const atlas = data.atlas;
const TRUTH = 1;
let answers, wrong;
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
const describe = (i) =>
  `Test image ${atlas.images[i][0]}: true class ${atlas.classes[atlas.images[i][TRUTH]]}, misclassified by ${wrong[i]} of ${atlas.methods.length} methods`;
const tiles = atlas.images.map((_, i) => {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  place(tile, i);
  tile.addEventListener("click", () => open(i));
  return tile;
});
const filters = document.getElementById("filters");
function chooseSeed() {
  answers = atlas.methods.map((method) => ofSeed(atlas.answers[method]));
  wrong = atlas.images.map((image, i) => answers.filter((labels) => labels[i] !== image[TRUTH]).length);
  tiles.forEach((tile, i) => (tile.ariaLabel = describe(i)));
  filter();
}
function filter() {
  const { method, truth, answer, order } = Object.fromEntries(new FormData(filters));
  const chosen = method ? [answers[atlas.methods.indexOf(method)]] : answers;
  const shown = d3.range(tiles.length).filter((i) => {
    const isTrue = atlas.images[i][TRUTH];
    const mistakes = chosen.map((labels) => labels[i]).filter((label) => label !== isTrue);
    return mistakes.length && (truth === "" || isTrue === Number(truth)) && (answer === "" || mistakes.includes(Number(answer)));
  });
  const by = { most: (i) => -wrong[i], fewest: (i) => wrong[i], position: (i) => atlas.images[i][0] }[order];
  shown.sort((a, b) => by(a) - by(b) || a - b);
  document.getElementById("atlas").replaceChildren(...shown.map((i) => tiles[i]));
  document.getElementById("shown").textContent = `Showing ${shown.length.toLocaleString("en")} of ${wrong.filter(Boolean).length.toLocaleString("en")} images`;
}
filters.addEventListener("change", filter);
chooseSeed();

// The seed is one for the whole page.
const seedSelects = document.querySelectorAll(".seed");
for (const select of seedSelects) {
  select.addEventListener("change", () => {
    chosenSeed = select.value;
    for (const other of seedSelects) other.value = chosenSeed;
    showConfusion();
    chooseSeed();
    showSeed(chosenSeed);
  });
}

const dialog = document.getElementById("digit");
function open(i) {
  document.getElementById("digit-title").textContent = describe(i);
  place(dialog.querySelector(".large"), i);
  const body = dialog.querySelector("tbody");
  body.replaceChildren();
  atlas.methods.forEach((method, k) => {
    const row = body.insertRow();
    const predicted = answers[k][i];
    row.className = predicted === atlas.images[i][TRUTH] ? "" : "wrong";
    make("td", method, row);
    make("td", atlas.classes[predicted], row);
    const bySeed = atlas.probabilities[method];
    const seed = chosenSeed in atlas.answers[method] ? chosenSeed : Object.keys(atlas.answers[method])[0];
    const percents = bySeed[seed]?.[i];
    const pairs = percents && d3.pairs(percents).filter((_, at) => at % 2 === 0);
    make("td", pairs?.map(([c, p]) => `${atlas.classes[c]}: ${p}`).join(", ") ?? "not stored", row);
  });
  dialog.showModal();
}
