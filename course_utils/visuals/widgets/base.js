// What every widget of the course stands on: controls with labels, colours from the theme, crisp canvases, one
// counter of redraws. It is put in front of each widget's own file, after `const PALETTE`, so it exports nothing.

// element("p", {class: "note", onclick: act}, "text", child) -> the element.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list" && name !== "style") made[name] = value;
    else made.setAttribute(name === "class" ? "class" : name, value);
  }
  made.append(...children);
  return made;
}

// The same for SVG, whose attributes are all written out.
function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Put words into an element, where they are others than before: else the page would be laid out again for nothing.
function putWords(node, words) {
  if (node.textContent === words) return false;
  node.textContent = words;
  return true;
}

let serial = 0;

// A range input under a visible label, with its value in words at the right; `said` turns the value into them.
function slider({ label, min, max, step = 1, value, said = String, oninput, onchange = () => {} }) {
  const id = `course-slider-${Date.now()}-${serial++}`;
  const output = element("output", { htmlFor: id });
  const input = element("input", { type: "range", id, min, max, step, value });
  const tell = () => putWords(output, said(Number(input.value))) && input.setAttribute("aria-valuetext", output.textContent);
  input.addEventListener("input", () => (tell(), oninput(Number(input.value))));
  input.addEventListener("change", () => onchange(Number(input.value)));
  keepKeys(input);
  tell();
  const row = element("div", { class: "course-slider" }, element("label", { htmlFor: id }, label), input, output);
  return { row, input, move: (to) => ((input.value = to), tell()) };
}

// JupyterLab's command mode would take the keys of a focused control (arrows, letters, Enter): they stay here.
function keepKeys(control) {
  control.addEventListener("keydown", (event) => event.stopPropagation());
  return control;
}

// Each finished redraw counts el.dataset.drawn up, so that a test can wait for it and time it.
function drawn(el) {
  el.dataset.drawn = Number(el.dataset.drawn || 0) + 1;
}

// The theme's colours, read from the CSS variables that base.css derives from JupyterLab's.
function theme(el) {
  const style = getComputedStyle(el);
  const read = (name) => style.getPropertyValue(`--course-${name}`).trim();
  const dark = luminance(read("paper")) < 0.4;
  return { ink: read("ink"), soft: read("soft"), line: read("line"), paper: read("paper"), accent: read("accent"), dark };
}

function rgb(colour) {
  const hex = colour.match(/^#([0-9a-f]{3,8})$/i)?.[1];
  if (!hex) return (colour.match(/[\d.]+/g) || [255, 255, 255]).slice(0, 3).map(Number);
  const pairs = hex.length < 6 ? [...hex].map((digit) => digit + digit) : hex.match(/../g);
  return pairs.slice(0, 3).map((pair) => parseInt(pair, 16));
}

function luminance(colour) {
  const [r, g, b] = rgb(colour);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

// A colour scale: evenly spaced stops -> a function from [0, 1] to [r, g, b].
function scale(stops) {
  const colours = stops.map(rgb);
  return (share) => {
    const place = Math.min(Math.max(share, 0), 1) * (colours.length - 1);
    const below = Math.min(Math.floor(place), colours.length - 2);
    return colours[below].map((c, k) => Math.round(c + (colours[below + 1][k] - c) * (place - below)));
  };
}
const css = (triple) => `rgb(${triple.join(",")})`;

// In the dark theme "nothing" is the page's own dark, so that what is there shines, and not what is absent.
function probabilityScale(colours) {
  return scale(colours.dark ? [colours.paper, ...PALETTE.probability.slice(1, 5).reverse()] : PALETTE.probability);
}
function signedScale(colours) {
  const stops = PALETTE.signed;
  return scale(colours.dark ? [stops[2], stops[1], "#2B2F33", stops[5], stops[4]] : stops);
}

// Binary data arrives as a DataView that may start anywhere; float32 wants a start of its own.
function floats(view) {
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// Fit a canvas to its CSS width at the screen's own resolution; returns the context, empty, in CSS pixels. A canvas
// that fits already keeps its memory, and the page its layout.
function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1, sides = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = canvas.getContext("2d");
  if (canvas.width === sides[0] && canvas.height === sides[1] && context.reset) context.reset();
  else [canvas.width, canvas.height] = sides;
  if (canvas.style.height !== `${height}px`) canvas.style.height = `${height}px`;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

// Rows of numbers as an image of one pixel each, to be drawn enlarged: paint(row, column) -> [r, g, b].
function pixels(rows, columns, paint) {
  const canvas = element("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const { data } = image;
  for (let row = 0, at = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const colour = paint(row, column);
      for (let k = 0; k < 3; k++) data[at++] = colour[k];
      data[at++] = 255;
    }
  context.putImageData(image, 0, 0);
  return canvas;
}

// A wave as one vertical stroke per pixel of the screen, from its lowest to its highest sample there.
function strokeWave(context, samples, { left, top, width, height, colour, peak }) {
  const middle = top + height / 2;
  const tall = height / 2 / Math.max(peak, 1e-3);
  context.fillStyle = colour;
  const thin = 1 / (window.devicePixelRatio || 1);
  for (let x = 0; x < width; x += thin) {
    const from = Math.floor((x / width) * samples.length);
    const to = Math.max(from + 1, Math.floor(((x + thin) / width) * samples.length));
    let low = Infinity, high = -Infinity;
    for (let k = from; k < to && k < samples.length; k++) {
      low = Math.min(low, samples[k]);
      high = Math.max(high, samples[k]);
    }
    if (high >= low) context.fillRect(left + x, middle - high * tall, thin, Math.max(1, (high - low) * tall));
  }
}

// Numbers as one reads them: two decimals, and a minus sign that is one.
function figure(value) {
  return value.toFixed(2).replace("-", "−");
}

function loudest(samples) {
  return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
}

// Call `redraw` when the widget's width or the theme changes; returns the function that ends it.
function watch(el, redraw) {
  let width = 0;
  const sized = new ResizeObserver(() => {
    if (el.clientWidth && el.clientWidth !== width) {
      width = el.clientWidth;
      redraw();
    }
  });
  sized.observe(el);
  let shown = theme(el).paper;
  const rethemed = () => {
    if (theme(el).paper === shown) return;
    shown = theme(el).paper;
    redraw();
  };
  // JupyterLab names the theme on <body>; its style sheet may arrive a little later.
  const named = new MutationObserver(() => [0, 150, 600].forEach((wait) => setTimeout(rethemed, wait)));
  named.observe(document.body, { attributes: true });
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", rethemed);
  return () => (sized.disconnect(), named.disconnect(), system.removeEventListener("change", rethemed));
}

// Listen to the model's traits; returns the function that ends it.
function listen(model, handlers) {
  for (const [name, handler] of Object.entries(handlers)) model.on(`change:${name}`, handler);
  return () => Object.entries(handlers).forEach(([name, handler]) => model.off(`change:${name}`, handler));
}

// Set a trait, and tell Python at once.
function tellNow(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

// Set a trait, and tell Python when the hand rests: a message for each move of a slider keeps the page, the server and
// the kernel busy while the next move waits.
const REST = 400; // milliseconds
const resting = new WeakMap();
function tell(model, name, value) {
  model.set(name, value);
  clearTimeout(resting.get(model));
  resting.set(model, setTimeout(() => model.save_changes(), REST));
}

// One sound at a time on a page, whichever widget started it: play(samples, rate) -> {context, stop, ended}.
function playSound(samples, rate, from = 0) {
  window.courseSound?.stop();
  const context = new AudioContext();
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  let over;
  const ended = new Promise((resolve) => (over = resolve)); // true: to its end; false: stopped
  const finish = (whole) => {
    if (context.state !== "closed") context.close();
    over(whole);
  };
  const stop = () => finish(false);
  source.onended = () => finish(true);
  source.start(0, from);
  context.resume();
  return (window.courseSound = { context, stop, ended });
}

// Play `samples` while a cursor goes along: `move(seconds)` at each picture, `over(whole)` at the end. The sound that a
// widget plays is its `el.sound`, null where there is none.
function playAlong(el, button, warning, samples, rate, from, { move, over }) {
  warning.textContent = "";
  let playing;
  try {
    playing = playSound(samples, rate, from);
  } catch (error) {
    warning.textContent = `This browser plays no sound (${error.message}).`;
    return;
  }
  el.sound = playing;
  button.textContent = "■ Stop";
  el.dataset.playing = "true";
  // those who asked for less motion see the cursor four times a second
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0.25 : 0;
  let last = -1;
  const follow = () => {
    if (el.sound !== playing) return;
    const now = playing.context.currentTime;
    if (now - last >= calm) move((last = now));
    requestAnimationFrame(follow);
  };
  follow();
  setTimeout(() => {
    if (el.sound === playing && playing.context.currentTime === 0) warning.textContent = "The sound does not start: is a loudspeaker or headphone connected?";
  }, 1500);
  playing.ended.then((whole) => {
    if (el.sound !== playing) return;
    el.sound = null;
    button.textContent = "▶ Play";
    delete el.dataset.playing;
    over(whole);
  });
}
