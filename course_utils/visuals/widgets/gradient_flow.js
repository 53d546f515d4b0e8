// A gradient on its way back through time: its norm by lag, and the products of Jacobians, computed at each move.
const BAR = "display: inline-block; width: 110px; height: 10px; margin: 0 6px; border-radius: 2px";
const NONLINEARITIES = [
  { name: "linear", apply: (z) => z, slope: () => 1 },
  { name: "tanh", apply: Math.tanh, slope: (a) => 1 - a * a },
  { name: "relu", apply: (z) => Math.max(z, 0), slope: (a) => (a > 0 ? 1 : 0) },
];

// States a<1> to a<steps> of a<t> = g(radius W a<t-1> + drive<t>), from zeros.
function runStates(W, drive, H, radius, steps, { apply }) {
  const states = [];
  let before = new Float64Array(H);
  for (let t = 0; t < steps; t++) {
    const now = new Float64Array(H);
    for (let i = 0; i < H; i++) {
      let sum = drive[t * H + i];
      for (let j = 0; j < H; j++) sum += radius * W[i * H + j] * before[j];
      now[i] = apply(sum);
    }
    states.push((before = now));
  }
  return states;
}

// Lag k -> the derivative of the last state with regard to the state k steps before: J<T> J<T-1> … J<T-k+1>.
function jacobianProducts(W, states, H, radius, { slope }) {
  let product = new Float64Array(H * H);
  for (let i = 0; i < H; i++) product[i * H + i] = 1;
  const products = [product];
  for (let t = states.length - 1; t > 0; t--) {
    const next = new Float64Array(H * H);
    for (let i = 0; i < H; i++)
      for (let m = 0; m < H; m++) {
        const factor = product[i * H + m] * slope(states[t][m]) * radius;
        for (let j = 0; j < H; j++) next[i * H + j] += factor * W[m * H + j];
      }
    products.push((product = next));
  }
  return products;
}

// The root mean square, over the units of the last state, of their gradients' norms: 1 at lag 0.
const normOf = (product, H) => Math.sqrt(product.reduce((sum, entry) => sum + entry * entry, 0) / H);

// 0.0042 as it is, 4.2e-9 as "4 × 10⁻⁹".
function power(value) {
  if (value === 0) return "0";
  if (value >= 0.001 && value < 10000) return String(Number(value.toPrecision(2)));
  const exponent = Math.floor(Math.log10(value));
  const raised = [...String(exponent)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
  return `${Math.round(value / 10 ** exponent)} × 10${raised}`;
}

function renderGradientFlow({ model, el }) {
  el.classList.add("course-widget", "course-flow");
  const { matrix, drive, units } = model.get("data");
  const W = floats(matrix), inputs = floats(drive), H = units;
  const low = -12, high = 10, reach = 4; // powers of ten: of the curve's axis, and of the maps' colours
  const kind = () => NONLINEARITIES[Number(kinds.input.value)];

  const change = (name, read = Number) => ({ oninput: () => draw(), onchange: (value) => tell(model, name, read(value)) });
  const radius = slider({ label: "Spectral radius", min: 0.5, max: 1.5, step: 0.05, value: model.get("radius"),
    said: (r) => r.toFixed(2), ...change("radius") });
  const length = slider({ label: "Steps back", min: 2, max: 60, value: model.get("length"), ...change("length") });
  const kinds = slider({ label: "Nonlinearity", min: 0, max: 2, value: kindOf(model), said: (k) => NONLINEARITIES[k].name,
    ...change("nonlinearity", (k) => NONLINEARITIES[k].name) });
  const canvas = element("canvas", { role: "img" });
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  const key = element("span", { class: "legend", role: "img", "aria-label": "Colours of the entries' sizes, from one ten-thousandth to ten thousand" });
  el.append(radius.row, length.row, kinds.row, canvas, readout,
    element("p", { class: "course-row soft" }, "Size of an entry:", key),
    element("p", { class: "soft" }, "Solid: norm of the gradient. Dashed: radius to the power of the lag. Squares: products of "
      + "Jacobians, a row for each unit of the last state, a column for each unit of the state before."));

  function kindOf(model) {
    return Math.max(0, NONLINEARITIES.findIndex(({ name }) => name === model.get("nonlinearity")));
  }

  function draw() {
    const rho = Number(radius.input.value), steps = Number(length.input.value);
    const states = runStates(W, inputs, H, rho, steps + 1, kind());
    const products = jacobianProducts(W, states, H, rho, kind());
    const norms = products.map((product) => normOf(product, H));
    el.gradientFlow = { norms, products: products.map((product) => [...product]) }; // a page's own script may read it
    const colours = theme(el), width = el.clientWidth - 30, left = 52;
    const curve = { left, top: 8, width: width - left - 8, height: 190 };
    const gap = 14, side = Math.min(150, (width - left - 8 - 3 * gap) / 4);
    const maps = { top: curve.top + curve.height + 62, side, gap };
    const context = fit(canvas, width, maps.top + side + 8);
    context.font = `11px ${getComputedStyle(el).fontFamily}`;
    drawCurve(context, colours, curve, norms, rho);
    const lags = [...new Set([1, Math.round(steps / 3), Math.round((2 * steps) / 3), steps])].filter((k) => k > 0);
    drawMaps(context, colours, maps, lags, products);
    const end = norms[steps];
    readout.textContent = `${steps} steps back the gradient is ${power(end)} times as long as at the last step; `
      + `${rho.toFixed(2)} to the power ${steps} is ${power(rho ** steps)}.`;
    canvas.setAttribute("aria-label", `The gradient's norm by lag, from 1 to ${power(end)} at lag ${steps}, and below it the products of Jacobians at lags ${lags.join(", ")}.`);
    drawn(el);
  }

  function drawCurve(context, colours, { left, top, width, height }, norms, rho) {
    const last = norms.length - 1;
    const x = (k) => left + (k / last) * width;
    const exponent = (value) => Math.min(Math.max(Math.log10(Math.max(value, 1e-300)), low), high);
    const y = (value) => top + ((high - exponent(value)) / (high - low)) * height;
    context.strokeStyle = colours.line;
    context.fillStyle = colours.soft;
    context.textBaseline = "middle";
    for (const [mark, said] of [[8, "10⁸"], [4, "10⁴"], [0, "1"], [-4, "10⁻⁴"], [-8, "10⁻⁸"], [-12, "10⁻¹²"]]) {
      const across = y(10 ** mark);
      context.lineWidth = mark ? 0.5 : 1.5;
      context.beginPath();
      context.moveTo(left, across);
      context.lineTo(left + width, across);
      context.stroke();
      context.textAlign = "right";
      context.fillText(said, left - 6, across);
    }
    const every = [1, 2, 5, 10, 20].find((step) => (step / last) * width > 40) || 20;
    for (let k = 0; k <= last; k += every) {
      context.textAlign = "center";
      context.fillText(String(k), x(k), top + height + 12);
    }
    context.fillText("lag (steps back)", left + width / 2, top + height + 28);
    const line = (values, colour, dashes, thick) => {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.setLineDash(dashes);
      context.beginPath();
      values.forEach((value, k) => (k ? context.lineTo(x(k), y(value)) : context.moveTo(x(k), y(value))));
      context.stroke();
      context.setLineDash([]);
    };
    line(norms.map((_, k) => rho ** k), colours.soft, [5, 4], 1.5);
    line(norms, colours.dark ? "#4FA3DC" : PALETTE.models.RNN, [], 2.5);
  }

  function drawMaps(context, colours, { top, side, gap }, lags, products) {
    const shade = signedScale(colours);
    context.imageSmoothingEnabled = false;
    lags.forEach((lag, place) => {
      const x = 52 + place * (side + gap);
      const size = (entry) => Math.log10(Math.max(Math.abs(entry), 1e-300));
      const image = pixels(H, H, (i, j) => shade(0.5 + size(products[lag][i * H + j]) / (2 * reach)));
      context.drawImage(image, x, top, side, side);
      context.strokeStyle = colours.line;
      context.lineWidth = 1;
      context.strokeRect(x, top, side, side);
      context.fillStyle = colours.soft;
      context.textAlign = "center";
      context.fillText(`lag ${lag}`, x + side / 2, top - 10);
    });
    const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => css(shade(share))).join(", ");
    key.replaceChildren("10⁻⁴", element("i", { style: `${BAR}; background: linear-gradient(90deg, ${stops})` }), "10⁴");
  }

  const stopListening = listen(model, {
    radius: () => (radius.move(model.get("radius")), draw()),
    length: () => (length.move(model.get("length")), draw()),
    nonlinearity: () => (kinds.move(kindOf(model)), draw()),
  });
  const stopWatching = watch(el, draw);
  draw();
  return () => (stopListening(), stopWatching());
}
