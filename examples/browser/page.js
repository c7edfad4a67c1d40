// The drawing goes through the graph after every stroke of the pen.
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const SIZE = 8;
const LARGEST = 16; // of the pixels that the classifier was fitted on
const INK = 6; // at the pen; its neighbours get less

const drawing = document.getElementById("drawing");
const pixels = new Float32Array(SIZE * SIZE);
let running = false;
let changed = false;

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create("digits.onnx");

function paint(canvas, values) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIZE, SIZE);
  values.forEach((value, i) => {
    const grey = 255 - Math.round((255 * Math.min(Math.max(value, 0), LARGEST)) / LARGEST);
    image.data.set([grey, grey, grey, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

function show(results, milliseconds) {
  document.getElementById("label").textContent = results.label.data[0].toString();
  document.getElementById("time").textContent = `in ${milliseconds.toFixed(1)} ms`;
  const bars = [...results.probabilities.data].map((share, digit) => {
    const row = document.createElement("div");
    const bar = document.createElement("meter");
    bar.value = share;
    row.append(`${digit} `, bar, ` ${(100 * share).toFixed(1)} %`);
    return row;
  });
  document.getElementById("probabilities").replaceChildren(...bars);
  const numbers = [...results.code.data].map((value) => {
    const item = document.createElement("li");
    item.textContent = value.toFixed(3);
    return item;
  });
  document.getElementById("code").replaceChildren(...numbers);
  paint(document.getElementById("reconstruction"), results.reconstruction.data);
}

// A session computes one drawing at a time; of those that come meanwhile, the last one counts.
async function update() {
  paint(drawing, pixels);
  changed = true;
  if (running) return;
  running = true;
  while (changed) {
    changed = false;
    const X = new ort.Tensor("float32", pixels.slice(), [1, SIZE, SIZE]);
    const start = performance.now();
    const results = await session.run({ X });
    show(results, performance.now() - start);
  }
  running = false;
}

function draw(event) {
  if (event.buttons !== 1) return;
  const box = drawing.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * SIZE - 0.5;
  const y = ((event.clientY - box.top) / box.height) * SIZE - 0.5;
  pixels.forEach((value, i) => {
    const distance = Math.hypot((i % SIZE) - x, Math.floor(i / SIZE) - y);
    pixels[i] = Math.min(LARGEST, value + INK * Math.max(0, 1 - distance / 1.2));
  });
  update();
}

drawing.addEventListener("pointerdown", draw);
drawing.addEventListener("pointermove", draw);
document.getElementById("clear").addEventListener("click", () => {
  pixels.fill(0);
  update();
});
update();
