// photographs: [name, true class or -1, picture or null]; tests: [photograph, split,
// ...[predicted class, its probability, that of the true class] per method, or null]
const data = JSON.parse(document.getElementById("data").textContent);
const { classes, methods } = data;
const photographs = data.photographs.map(([name, truth, picture]) => ({ name, truth, picture, tests: [] }));
const tests = data.tests.map(([photograph, split, ...answers], id) => {
  const { truth } = photographs[photograph];
  const test = { id, photograph, split, truth, answers: [] };
  answers.forEach((answer, method) => {
    if (!answer) return;
    const [predicted, percent, ofTruth] = answer;
    test.answers.push({ method, predicted, percent, ofTruth, wrong: predicted !== truth });
  });
  photographs[photograph].tests.push(test);
  return test;
});
const sure = (percent) => (percent === null ? "" : percent > 99 ? "\u003e\u00a099\u00a0%" : `${percent}\u00a0%`);

// Cards: a photograph with what the methods say in one of the splits that test it.
function fill(card, photograph) {
  const picture = card.firstElementChild;
  if (!photograph.picture) return;
  const image = make("img", "", picture);
  image.alt = "";
  image.decoding = "async";
  image.src = photograph.picture;
}
function cardOf(test) {
  const photograph = photographs[test.photograph];
  const card = document.createElement("button");
  card.type = "button";
  card.className = "card";
  make("span", "", card).className = "picture";
  const name = make("span", photograph.name, card);
  name.className = "name";
  name.title = photograph.name;
  make("span", `true class: ${classes[test.truth]}`, card).className = "truth";
  for (const { method, predicted, percent, wrong } of test.answers) {
    const line = make("span", `${methods[method]}: ${classes[predicted]} ${sure(percent)}`, card);
    line.className = wrong ? "answer wrong" : "answer";
  }
  if (photograph.tests.length > 1) make("span", wrongSplits(photograph, ""), card).className = "answer";
  fill(card, photograph);
  return card;
}
function wrongSplits({ tests }, method) {
  const isWrong = ({ answers }) => answers.some((a) => a.wrong && (method === "" || a.method === Number(method)));
  return `wrong in ${tests.filter(isWrong).length} of ${tests.length} splits`;
}

// The gallery: photographs with a test that fits the filters; the first that does counts.
const filters = document.getElementById("filters");
const gallery = document.getElementById("gallery");
const cards = new Map();
let shown = [];
function fitting(test, { outcome, method, truth, predicted, split = "" }) {
  if (truth !== "" && test.truth !== Number(truth)) return [];
  if (split !== "" && test.split !== Number(split)) return [];
  if (outcome === "all" && !test.answers.every((answer) => answer.wrong)) return [];
  return test.answers.filter(
    (answer) =>
      answer.wrong === (outcome !== "right") &&
      (method === "" || answer.method === Number(method)) &&
      (predicted === "" || answer.predicted === Number(predicted)),
  );
}
// the mean over all methods that count, in which the others are not sure at all
const confidence = (answers, n) => answers.reduce((sum, { percent }) => sum + (percent ?? 0), 0) / n;
function filter() {
  const chosen = Object.fromEntries(new FormData(filters));
  const rows = [];
  for (const { tests } of photographs) {
    for (const test of tests) {
      const answers = fitting(test, chosen);
      if (!answers.length) continue;
      const n = chosen.method === "" ? test.answers.length : 1;
      rows.push({ test, confidence: confidence(answers, n), n: answers.length });
      break;
    }
  }
  const sign = chosen.outcome === "right" ? -1 : 1;
  rows.sort((a, b) => sign * (b.confidence - a.confidence || b.n - a.n));
  shown = rows.map(({ test }) => test);
  for (const test of shown) if (!cards.has(test)) cards.set(test, cardOf(test));
  gallery.replaceChildren(...shown.map((test) => cards.get(test)));
  const n = shown.length;
  const order = chosen.outcome === "right" ? ", the least certain first" : "";
  document.getElementById("shown").textContent =
    `${n.toLocaleString("en")} ${n === 1 ? "photograph" : "photographs"}${order}`;
}
filters.addEventListener("change", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
filter();
gallery.addEventListener("click", ({ target }) => {
  const at = [...gallery.children].indexOf(target.closest(".card"));
  if (at >= 0) open(at);
});

// The confusion matrix of one method; its numbers set the filters.
const chosenMethod = document.getElementById("confusion-method");
function showConfusion() {
  const method = Number(chosenMethod.value);
  const counts = classes.map(() => classes.map(() => 0));
  for (const test of tests) {
    const answer = test.answers.find((one) => one.method === method);
    if (answer) counts[test.truth][answer.predicted] += 1;
  }
  const matrix = document.getElementById("matrix");
  matrix.replaceChildren();
  make("caption", "Rows are true classes, columns are predicted classes", matrix);
  const head = matrix.createTHead().insertRow();
  for (const name of ["true class", ...classes]) make("th", name, head).scope = "col";
  const most = Math.max(1, ...counts.map((row, i) => Math.max(0, ...row.filter((_, j) => j !== i))));
  const body = matrix.createTBody();
  counts.forEach((row, i) => {
    const line = body.insertRow();
    make("th", classes[i], line).scope = "row";
    row.forEach((count, j) => {
      const cell = make("td", "", line);
      const button = make(count ? "button" : "span", count, cell);
      if (!count) return;
      button.type = "button";
      button.ariaLabel = `${count} of class ${classes[i]}, predicted as ${classes[j]}`;
      button.addEventListener("click", () => showCell(method, i, j));
      if (i !== j) cell.style.setProperty("--v", count / most);
    });
  });
}
function showCell(method, truth, predicted) {
  filters.reset();
  for (const [name, value] of Object.entries({ outcome: truth === predicted ? "right" : "wrong", method, truth, predicted }))
    filters.elements[name].value = value;
  filter();
  const heading = document.querySelector("#mistakes h2");
  heading.focus({ preventScroll: true });
  heading.scrollIntoView();
}
chosenMethod.addEventListener("change", showConfusion);
if (methods.length) showConfusion();

// The dialog: the photograph, under each method's evidence, and all predictions.
const dialog = document.getElementById("photograph");
const VIEW_PX = 280;
let position = -1;
function open(at) {
  position = at;
  show(photographs[shown[at].photograph], shown[at]);
}
function step(by) {
  if (position >= 0) open((position + by + shown.length) % shown.length);
}
function show(photograph, test) {
  document.getElementById("photograph-name").textContent = photograph.name;
  const facts = test ? [`True class: ${classes[test.truth]}.`] : ["Not among the test photographs."];
  if (photograph.tests.length > 1) facts.push(`Some method is ${wrongSplits(photograph, "")}; these are the answers of split ${test.split + 1}.`);
  document.getElementById("photograph-facts").textContent = facts.join(" ");
  const views = document.getElementById("views");
  views.replaceChildren();
  addView(views, photograph, photograph.picture ? "" : "The file cannot be read.");
  let drawn = 0;
  const body = dialog.querySelector("tbody");
  body.replaceChildren();
  for (const { method, predicted, percent, ofTruth, wrong } of test?.answers ?? []) {
    const row = body.insertRow();
    row.className = wrong ? "wrong" : "";
    for (const text of [methods[method], classes[predicted], percent ?? "", ofTruth ?? ""]) make("td", text, row);
    const evidence = data.evidence[method];
    const map = evidence?.maps[test.id];
    if (!map) continue;
    const canvas = document.createElement("canvas");
    draw(canvas, map, evidence.w, evidence.h);
    addView(views, photograph, `${methods[method]}: why ${classes[predicted]}`, canvas);
    drawn += 1;
  }
  body.closest(".scroll").hidden = !test;
  document.getElementById("legend").hidden = !drawn;
  for (const id of ["previous", "next"]) document.getElementById(id).hidden = position < 0;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
function addView(views, photograph, caption, overlay) {
  const figure = make("figure", "", views);
  const frame = make("div", "", figure);
  frame.className = "frame";
  if (photograph.picture) {
    const image = make("img", "", frame);
    image.alt = overlay ? "" : photograph.name;
    image.addEventListener("load", () => {
      const zoom = VIEW_PX / Math.max(image.naturalWidth, image.naturalHeight);
      image.width = Math.round(image.naturalWidth * zoom);
      image.height = Math.round(image.naturalHeight * zoom);
    });
    image.src = photograph.picture;
  }
  if (overlay) frame.append(overlay);
  make("figcaption", caption, figure);
}
function draw(canvas, map, width, height) {
  const values = Int8Array.from(atob(map), (sign) => sign.charCodeAt(0));
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  values.forEach((value, i) => {
    const colour = value > 0 ? [220, 20, 30] : [20, 70, 230];
    image.data.set([...colour, (190 * Math.abs(value)) / most], 4 * i);
  });
  context.putImageData(image, 0, 0);
}
document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
dialog.addEventListener("keydown", ({ key }) => {
  if (key === "ArrowLeft") step(-1);
  if (key === "ArrowRight") step(1);
});

// Suspicious files: their cards are in the page, for readers without JavaScript.
for (const card of document.querySelectorAll("#suspicious .card")) {
  const photograph = photographs[card.dataset.photograph];
  fill(card, photograph);
  card.addEventListener("click", () => {
    position = -1;
    const isWrong = ({ answers }) => answers.some(({ wrong }) => wrong);
    show(photograph, photograph.tests.find(isWrong) ?? photograph.tests[0]);
  });
}
