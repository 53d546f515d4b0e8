// Gradient descent on the loss of one recurrent unit, whose cliff throws it off: the path, computed at each move.
const RATES = [0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const THRESHOLDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 50, 0]; // 0 does not clip
const UPDATES = 60;

// The loss (a<T> - target)² of a<t> = σ(w a<t-1> + b), and its slopes, carried forward along the steps.
function unitLoss(w, b, { first, target, steps }) {
  let a = first, byW = 0, byB = 0;
  for (let t = 0; t < steps; t++) {
    const next = 1 / (1 + Math.exp(-(w * a + b))), slope = next * (1 - next);
    byW = slope * (a + w * byW);
    byB = slope * (1 + w * byB);
    a = next;
  }
  const error = a - target;
  return { loss: error * error, slopes: [2 * error * byW, 2 * error * byB] };
}

// Where descent comes by, with the loss there, the norm of the gradient, and the factor that clipping puts to it.
function descent(start, rate, threshold, unit) {
  const path = [];
  let [w, b] = start;
  for (let n = 0; n <= UPDATES; n++) {
    const { loss, slopes } = unitLoss(w, b, unit);
    const norm = Math.hypot(...slopes);
    const factor = threshold ? Math.min(1, threshold / (norm + 1e-6)) : 1;
    path.push({ w, b, loss, norm, factor });
    w -= rate * factor * slopes[0];
    b -= rate * factor * slopes[1];
  }
  return path;
}

function renderCliff({ model, el }) {
  el.classList.add("course-widget", "course-cliff");
  const { surface, rows, columns, w: [wLow, wHigh], b: [bLow, bHigh], unit } = model.get("data");
  const heights = floats(surface);
  const highest = heights.reduce((most, height) => Math.max(most, height), 0);

  const change = (name, read = Number) => ({ oninput: () => draw(), onchange: (value) => tell(model, name, read(value)) });
  const placeOf = (list, name) => Math.max(0, list.indexOf(model.get(name)));
  const rate = slider({ label: "Learning rate", min: 0, max: RATES.length - 1, value: placeOf(RATES, "learning_rate"),
    said: (k) => String(RATES[k]), ...change("learning_rate", (k) => RATES[k]) });
  const threshold = slider({ label: "Threshold", min: 0, max: THRESHOLDS.length - 1, value: placeOf(THRESHOLDS, "threshold"),
    said: (k) => (THRESHOLDS[k] ? String(THRESHOLDS[k]) : "no clipping"), ...change("threshold", (k) => THRESHOLDS[k]) });
  const updates = slider({ label: "Updates", min: 0, max: UPDATES, value: model.get("updates"), ...change("updates") });
  const startW = slider({ label: "Start w", min: wLow, max: wHigh, step: 0.05, value: model.get("start_w"),
    said: figure, ...change("start_w") });
  const startB = slider({ label: "Start b", min: bLow, max: bHigh, step: 0.05, value: model.get("start_b"),
    said: figure, ...change("start_b") });
  const canvas = element("canvas", { role: "img" });
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  el.append(rate.row, threshold.row, updates.row, startW.row, startB.row, canvas, readout);

  const far = (path) => Math.max(...path.map(({ w, b }) => Math.hypot(w - path[0].w, b - path[0].b)));
  const number = (value) => (value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(2))));

  // What the page decides, and the map in its colours: made when that changes, and not at each move.
  let look;
  function seen() {
    const colours = theme(el), shade = probabilityScale(colours);
    const image = pixels(rows, columns, (row, column) => shade(heights[(rows - 1 - row) * columns + column] / highest));
    look = { colours, image, wide: el.clientWidth, font: getComputedStyle(el).fontFamily };
    draw();
  }

  function draw() {
    const limit = THRESHOLDS[Number(threshold.input.value)], count = Number(updates.input.value);
    const start = [Number(startW.input.value), Number(startB.input.value)];
    const whole = descent(start, RATES[Number(rate.input.value)], limit, unit);
    const path = whole.slice(0, count + 1), last = path[count];
    el.cliff = whole; // a page's own script may read it
    const { colours } = look, width = look.wide - 30, left = 46;
    const map = { left, top: 22, width: width - left - 8, height: 250 };
    const norms = { left, top: map.top + map.height + 66, width: map.width, height: 90 };
    const context = fit(canvas, width, norms.top + norms.height + 36);
    context.font = `11px ${look.font}`;
    drawMap(context, colours, map, path);
    drawNorms(context, colours, norms, path, limit);
    const clipped = path.slice(0, count).filter(({ factor }) => factor < 1).length;
    const longest = Math.max(...path.map(({ norm }) => norm));
    putWords(readout, `After ${count} updates w = ${figure(last.w)}, b = ${figure(last.b)}, loss ${last.loss.toFixed(4)}. `
      + `Longest gradient ${number(longest)}; ${clipped} of ${count} steps were clipped; furthest from the start ${number(far(path))}.`);
    canvas.setAttribute("aria-label", `The loss over w and b, a plain with a cliff across it, and on it the path of ${count} updates from w ${figure(start[0])}, b ${figure(start[1])} to w ${figure(last.w)}, b ${figure(last.b)}; below, the norm of the gradient at each update, at most ${number(longest)}.`);
    drawn(el);
  }

  // The first of some texts that has room.
  const fitting = (context, width, ...texts) => texts.find((text) => context.measureText(text).width <= width + 8) ?? texts.at(-1);
  const halves = (low, high) => [...Array(40)].map((_, k) => Math.ceil(2 * low) / 2 + k / 2).filter((tick) => tick <= high);

  function drawMap(context, colours, { left, top, width, height }, path) {
    const x = (w) => left + ((w - wLow) / (wHigh - wLow)) * width, y = (b) => top + ((bHigh - b) / (bHigh - bLow)) * height;
    context.imageSmoothingEnabled = false;
    context.drawImage(look.image, left, top, width, height);
    context.strokeStyle = colours.line;
    context.strokeRect(left, top, width, height);
    context.fillStyle = colours.soft;
    context.textAlign = "left";
    const more = colours.dark ? "brighter" : "darker";
    context.fillText(fitting(context, width, `loss: the ${more} the higher; rings mark clipped steps`, `${more} is higher; rings: clipped`), left, top - 8);
    context.textAlign = "center";
    for (const w of halves(wLow, wHigh)) context.fillText(String(w), x(w), top + height + 14);
    context.fillText("w", left + width / 2, top + height + 30);
    context.textAlign = "right";
    for (const b of halves(bLow, bHigh)) context.fillText(figure(b).replace(/0$/, ""), left - 5, y(b) + 4);
    context.textAlign = "left";
    context.fillText("b", 2, top + height / 2);
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    const bright = colours.dark ? "#F0E442" : PALETTE.models["plain network"];
    const reach = (value, low, high) => Math.min(Math.max(value, low - 10 * (high - low)), high + 10 * (high - low));
    const places = path.map(({ w, b }) => [x(reach(w, wLow, wHigh)), y(reach(b, bLow, bHigh))]);
    context.strokeStyle = bright;
    context.lineWidth = 1.8;
    context.beginPath();
    places.forEach((place, n) => (n ? context.lineTo(...place) : context.moveTo(...place)));
    context.stroke();
    const dot = ([px, py], radius, fill) => {
      context.beginPath();
      context.arc(px, py, radius, 0, 2 * Math.PI);
      if (fill) context.fill();
      else context.stroke();
    };
    context.fillStyle = bright;
    places.forEach((place, n) => {
      dot(place, 2, true);
      if (n < path.length - 1 && path[n].factor < 1) dot(place, 5, false);
    });
    context.fillStyle = colours.ink;
    dot(places[0], 5, true);
    dot(places[places.length - 1], 4, true);
    context.restore();
  }

  function drawNorms(context, colours, { left, top, width, height }, path, limit) {
    const low = -3, high = 4;
    const x = (n) => left + (n / UPDATES) * width;
    const y = (norm) => top + ((high - Math.min(Math.max(Math.log10(Math.max(norm, 1e-9)), low), high)) / (high - low)) * height;
    context.strokeStyle = colours.line;
    context.fillStyle = colours.soft;
    context.lineWidth = 0.7;
    context.textAlign = "left";
    context.fillText(fitting(context, width, "norm of the gradient, on a logarithmic scale; dashed: the threshold", "norm of the gradient; dashed: threshold"), left, top - 8);
    for (const [norm, said] of [[0.001, "10⁻³"], [0.1, "0.1"], [10, "10"], [1000, "10³"]]) {
      context.beginPath();
      context.moveTo(left, y(norm));
      context.lineTo(left + width, y(norm));
      context.stroke();
      context.textAlign = "right";
      context.fillText(said, left - 5, y(norm) + 4);
    }
    context.textAlign = "center";
    for (const n of [0, 20, 40, 60]) context.fillText(String(n), x(n), top + height + 14);
    context.fillText("update", left + width / 2, top + height + 29);
    context.strokeStyle = colours.dark ? "#4FA3DC" : PALETTE.models.RNN;
    context.lineWidth = 2;
    context.beginPath();
    path.forEach(({ norm }, n) => (n ? context.lineTo(x(n), y(norm)) : context.moveTo(x(n), y(norm))));
    context.stroke();
    if (!limit) return;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.2;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(left, y(limit));
    context.lineTo(left + width, y(limit));
    context.stroke();
    context.setLineDash([]);
  }

  const moved = (control, read) => () => (control.move(read()), draw());
  const stopListening = listen(model, {
    learning_rate: moved(rate, () => placeOf(RATES, "learning_rate")),
    threshold: moved(threshold, () => placeOf(THRESHOLDS, "threshold")),
    updates: moved(updates, () => model.get("updates")),
    start_w: moved(startW, () => model.get("start_w")),
    start_b: moved(startB, () => model.get("start_b")),
  });
  const stopWatching = watch(el, seen);
  seen();
  return () => (stopListening(), stopWatching());
}
