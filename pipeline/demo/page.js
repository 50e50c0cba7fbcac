// Runs when Gradio has put the page in place: `element` holds it, `server.reply` asks
// Python. A picture is a drawing on the canvas, or a file that lies on it.
const find = (selector) => element.querySelector(selector);
const [canvas, video, hint] = ["canvas", "video", ".hint"].map(find);
const [fault, answers, why, spoken] = [".error", ".answers", ".more", ".spoken"].map(find);
const pick = find("input[type=file]");
const draws = find(".demo").dataset.kind === "digits";
const pen = canvas.getContext("2d");
const empty = answers.innerHTML;
const sent = document.createElement("canvas"); // half the pixels are read as well
[sent.width, sent.height] = [canvas.width / 2, canvas.height / 2];
const PEN_PX = 34, MOST_BYTES = 100e6;
let picture = null; // {name, content: address with data} of a file, "drawing", or null
let digit = 0, explained = false, asking = false, again = false, last = null;

function clear() {
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  [picture, digit, again] = [null, 0, false];
  explain(false);
  hint.hidden = false;
  fault.hidden = why.disabled = true;
  answers.innerHTML = empty;
  spoken.textContent = "";
}

function explain(shown) {
  explained = shown;
  why.textContent = shown ? "Hide the evidence" : "Show the evidence";
}

function drawing() {
  sent.getContext("2d").drawImage(canvas, 0, 0, sent.width, sent.height);
  return sent.toDataURL("image/png");
}

function complain(sentence) {
  fault.textContent = sentence;
  fault.hidden = false;
  why.disabled = true;
  answers.innerHTML = empty;
}

// One question at a time; what was drawn meanwhile is asked next.
async function ask() {
  if (asking) { again = true; return; }
  if (!picture) return;
  asking = true;
  answers.setAttribute("aria-busy", "true");
  const drawn = picture === "drawing";
  const asked = picture;
  const content = drawn ? drawing() : picture.content;
  const name = drawn ? "the drawing" : picture.name;
  try {
    const reply = await server.reply({ name, content, digit, explained });
    if (picture === asked) {
      if (reply.error) complain(reply.error);
      else {
        fault.hidden = true;
        why.disabled = false;
        const focus = document.activeElement?.dataset?.digit;
        const card = document.activeElement?.closest(".card")?.getAttribute("aria-labelledby");
        answers.innerHTML = reply.answers;
        if (focus) answers.querySelector(`[aria-labelledby="${card}"] [data-digit="${focus}"]`)?.focus();
      }
    }
  } catch {
    complain("The demo does not answer; start `visbase demo` again and reload this page.");
  }
  asking = false;
  answers.setAttribute("aria-busy", "false");
  if (again) { again = false; ask(); } else speak();
}

function speak() {
  if (last) return; // not while drawing
  spoken.textContent = [...answers.querySelectorAll(".card")]
    .filter((card) => card.querySelector(".label"))
    .map((card) => `${card.querySelector("h2").textContent}: ${[...card.querySelectorAll(".label")].map((one) => one.textContent).join(", ")}`)
    .join("; ");
}

// Drawing
const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
};
function stroke(to) {
  pen.strokeStyle = "#111";
  pen.lineWidth = PEN_PX;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...last);
  pen.lineTo(...to);
  pen.stroke();
  last = to;
  ask();
}
if (draws) {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (picture !== "drawing") clear();
    if (explained) explain(false);
    [picture, digit] = ["drawing", 0];
    hint.hidden = true;
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last) for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(place(one));
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; if (picture) ask(); });
}

// Pictures from files, the clipboard, the camera and the examples
function lay(image, width, height, sharp) {
  const factor = Math.min(canvas.width / width, canvas.height / height);
  const [w, h] = [width * factor, height * factor];
  pen.imageSmoothingEnabled = !sharp;
  pen.drawImage(image, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
}
async function take(file, name = file.name || "the picture") {
  off(find("[data-do=camera]"));
  clear();
  hint.hidden = true;
  if (file.size > MOST_BYTES) return complain(`${name}: expected a picture of at most 100 MB, found ${Math.round(file.size / 1e6)} MB; make it smaller`);
  const content = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => done(null);
    reader.readAsDataURL(file);
  });
  if (!content) return complain(`${name}: cannot be read; expected a picture`);
  const mine = picture = { name, content };
  ask();
  try {
    const bitmap = await createImageBitmap(file);
    if (picture === mine) lay(bitmap, bitmap.width, bitmap.height, bitmap.width < 100);
  } catch { /* the browser cannot show it, as HEIC and TIFF; the models may read it */ }
}
async function camera(button) {
  if (video.srcObject) {
    if (!video.videoWidth) return; // no frame has come yet
    const shot = document.createElement("canvas");
    [shot.width, shot.height] = [video.videoWidth, video.videoHeight];
    shot.getContext("2d").drawImage(video, 0, 0);
    off(button);
    shot.toBlob((blob) => take(blob, "the photograph"), "image/jpeg", 0.95);
    return;
  }
  button.disabled = true; // while the browser asks for permission
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return complain("The camera cannot be used; allow it in the browser, or open a picture.");
  } finally {
    button.disabled = false;
  }
  clear();
  hint.hidden = true;
  video.hidden = false;
  video.play().catch(() => {}); // another picture came before its first frame
  button.textContent = "Take the picture";
}
function off(button) {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  video.hidden = true;
  button.textContent = "Use the camera";
}
addEventListener("dragover", (event) => { event.preventDefault(); find(".sheet").classList.add("over"); });
addEventListener("dragleave", () => find(".sheet").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  find(".sheet").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) take(file);
});
addEventListener("paste", (event) => { const [file] = event.clipboardData.files; if (file) take(file); });
pick.addEventListener("change", () => { if (pick.files[0]) take(pick.files[0]); pick.value = ""; });
element.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { do: action, digit: at, example } = button.dataset;
  if (action === "open") pick.click();
  if (action === "camera") camera(button);
  if (action === "clear") { off(find("[data-do=camera]")); clear(); }
  if (action === "why") { explain(!explained); ask(); }
  if (at !== undefined) { digit = Number(at); ask(); }
  if (example) take(await (await fetch(example)).blob(), "the test image");
});
clear();
