// Attention over a spectrogram: a query moves through the tokens written, a temperature sharpens or blurs its look.

// The weights of scores at a temperature (the largest is taken away first, so that no exponential overflows).
function lookWeights(scores, temperature) {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(scores, (score) => Math.exp((score - most) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

// How spread out the weights are, in nats: 0 log 0 is 0.
function lookEntropy(weights) {
  return -weights.reduce((sum, weight) => sum + (weight ? weight * Math.log(weight) : 0), 0);
}

function renderAttentionMap({ model, el }) {
  el.classList.add("course-widget", "course-explorer");
  const data = model.get("data"), { labels, bands, low, high } = data, rate = data.sample_rate, U = labels.length;
  const samples = floats(data.samples), features = floats(data.features), all = floats(data.scores);
  const T = all.length / U, frames = features.length / bands, seconds = samples.length / rate, peak = loudest(samples);
  const row = (u) => all.subarray(u * T, (u + 1) * T);
  let colours, place, background;

  // On a scale of powers of two: half as hot is as far from 1 as twice as hot.
  const degrees = { min: Math.log2(data.coolest), max: Math.log2(data.hottest) };
  const degree = (power) => Math.min(Math.max(2 ** power, data.coolest), data.hottest);
  const step = slider({ label: "Query (output step)", min: 1, max: U, step: 0.1, value: model.get("step"), said: named,
    oninput: () => draw(), onchange: (u) => tell(model, "step", u) });
  const heat = slider({ label: "Temperature", ...degrees, step: "any", value: Math.log2(model.get("temperature")),
    said: (power) => degree(power).toFixed(2), oninput: () => draw(), onchange: () => tell(model, "temperature", temperature()) });
  keepStep(heat.input, 0.25);
  const canvas = element("canvas", { role: "img" });
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  const warning = element("p", { class: "warn", role: "status" });
  const sounds = element("div", { class: "course-row" },
    keepKeys(element("button", { type: "button", class: "main", onclick: () => hear(samples) }, "▶ Play all")),
    keepKeys(element("button", { type: "button", onclick: () => hear(lookedAt()) }, "▶ Play what the query looks at")),
    keepKeys(element("button", { type: "button", onclick: () => (heat.move(0), heat.input.dispatchEvent(new Event("change")), draw()) }, "Temperature 1")));
  el.append(step.row, heat.row, canvas, readout, sounds, warning);

  function temperature() {
    return degree(Number(heat.input.value));
  }
  function named(u) {
    const at = Math.abs(u - Math.round(u)) < 1e-6 ? `“${labels[Math.round(u) - 1]}”` : `“${labels[Math.floor(u) - 1]}” to “${labels[Math.ceil(u) - 1]}”`;
    return `${Number(u.toFixed(1))} of ${U}: ${at}`;
  }
  // Arrow keys move a slider without steps by this much.
  function keepStep(input, by) {
    input.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      input.value = Number(input.value) + way * by;
      input.dispatchEvent(new Event("input"));
      input.dispatchEvent(new Event("change"));
    });
  }

  function look() {
    const u = Number(step.input.value), before = Math.max(1, Math.min(Math.floor(u + 1e-9), U - 1)), share = u - before;
    const [a, b] = [row(before - 1), row(Math.min(before, U - 1))];
    const scores = Array.from(a, (score, t) => (1 - share) * score + share * b[t]);
    const weights = lookWeights(scores, temperature());
    const position = weights.reduce((sum, weight, t) => sum + weight * (t + 0.5), 0) * (seconds / T);
    return { step: u, temperature: temperature(), weights, entropy: lookEntropy(weights), position };
  }

  // The sound, each moment as loud as the weight there, relative to the largest.
  function lookedAt() {
    const { weights } = look(), most = Math.max(...weights);
    return samples.map((sample, n) => {
      const at = Math.min(Math.max((n / samples.length) * T - 0.5, 0), T - 1), t = Math.floor(at);
      const weight = weights[t] + (at - t) * ((weights[t + 1] ?? weights[t]) - weights[t]);
      return sample * (weight / most) * Math.min(1, 0.9 / (peak || 1));
    });
  }

  function hear(sound) {
    warning.textContent = "";
    el.heard = Array.from(sound); // a page's own script may read it
    try {
      playSound(Float32Array.from(sound), rate);
    } catch (error) {
      warning.textContent = `This browser plays no sound (${error.message}).`;
    }
  }

  function layOut(width) {
    const left = 14 + 7.5 * Math.max(6, ...labels.map((label) => label.length)), line = U > 12 ? 13 : 20;
    const mel = { top: 4, height: 110 }, curve = { top: 122, height: 66 }, table = { top: 198, height: line * U };
    return { left, line, mel, curve, table, width: width - left - 6, total: width, height: table.top + table.height + 34 };
  }
  const across = (t) => place.left + (t / seconds) * place.width;

  function paint() {
    colours = theme(el);
    place = layOut(el.clientWidth - 30);
    fit(canvas, place.total, place.height);
    background = element("canvas");
    const context = fit(background, place.total, place.height), energy = scale(PALETTE.energy);
    const { left, mel, curve, table, width, total } = place;
    context.imageSmoothingEnabled = false;
    context.drawImage(pixels(bands, frames, (band, t) => energy((features[t * bands + bands - 1 - band] - low) / (high - low || 1))), left, mel.top, width, mel.height);
    context.fillStyle = colours.soft;
    context.font = `11px ${getComputedStyle(el).fontFamily}`;
    context.textBaseline = "middle";
    context.fillText("mel", 0, mel.top + mel.height / 2 - 7);
    context.fillText("bands", 0, mel.top + mel.height / 2 + 7);
    context.fillText("weight", 0, curve.top + curve.height / 2);
    context.textAlign = "right";
    context.fillText("1", left - 6, curve.top + 5);
    context.fillText("0", left - 6, curve.top + curve.height - 4);
    const every = [0.1, 0.2, 0.5, 1, 2, 5, 10].find((gap) => (gap / seconds) * width > 46) || 20, bottom = table.top + table.height;
    for (let t = 0; t <= seconds && across(t) < total - 12; t += every) {
      context.fillRect(across(t), bottom, 1, 4);
      context.textAlign = t ? "center" : "left";
      context.fillText(t.toFixed(every < 1 ? 1 : 0), across(t), bottom + 12);
    }
    context.textAlign = "center";
    context.fillText("time (s)", left + width / 2, bottom + 26);
  }

  function draw() {
    const context = canvas.getContext("2d"), found = look(), { left, line, mel, curve, table, width } = place;
    el.attention = { ...found, table: labels.map((_, u) => lookWeights(row(u), found.temperature)) };
    context.clearRect(0, 0, place.total, place.height);
    context.drawImage(background, 0, 0, place.total, place.height);
    context.imageSmoothingEnabled = false;
    const shade = probabilityScale(colours), bar = width / T;
    context.drawImage(pixels(U, T, (u, t) => shade(el.attention.table[u][t])), left, table.top, width, table.height);
    context.fillStyle = colours.line;
    for (const y of [curve.top, curve.top + curve.height]) context.fillRect(left, y, width, 0.7);
    for (let u = 0; u <= U; u++) context.fillRect(left, table.top + u * line, width, 0.6);
    context.fillStyle = colours.dark ? "#A9A3F0" : PALETTE.models.attention;
    found.weights.forEach((weight, t) => context.fillRect(left + t * bar, curve.top + curve.height * (1 - weight), Math.max(bar - 0.5, 0.5), curve.height * weight));
    const x = across(found.position); // dark with a light rim: seen on the spectrogram, in both themes
    context.fillStyle = colours.paper;
    context.fillRect(x - 2, mel.top, 4, mel.height);
    context.fillStyle = colours.ink;
    context.fillRect(x - 0.75, mel.top, 1.5, mel.height);
    nameRows(context, found.step);
    const most = Math.max(...found.weights);
    const said = `Query ${named(found.step)}, temperature ${found.temperature.toFixed(2)}: mean place ${found.position.toFixed(2)} s, largest weight ${most.toFixed(2)}, `
      + `entropy ${found.entropy.toFixed(2)} nats of at most ${Math.log(T).toFixed(2)}.`;
    readout.textContent = said;
    canvas.setAttribute("aria-label", `Spectrogram, one query's attention weights, and the map of all ${U}. ${said}`);
    drawn(el);
  }

  function nameRows(context, at) {
    const { left, line, table, width } = place, family = getComputedStyle(el).fontFamily;
    context.textAlign = "right";
    context.textBaseline = "middle";
    labels.forEach((label, u) => {
      const near = Math.abs(u + 1 - at) < 0.5;
      context.font = `${near ? "bold " : ""}${line < 15 ? 10 : 12}px ${family}`;
      context.fillStyle = near ? colours.ink : colours.soft;
      context.fillText(label, left - 6, table.top + (u + 0.5) * line + 0.5);
    });
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.4;
    context.strokeRect(left - 0.5, table.top + (at - 1) * line, width + 1, line);
  }

  function pointed(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const u = Math.floor((event.offsetY - place.table.top) / place.line) + 1;
    if (u < 1 || u > U) return;
    step.move(u);
    draw();
  }
  for (const kind of ["pointerdown", "pointermove"]) canvas.addEventListener(kind, pointed);
  canvas.addEventListener("pointerup", () => tell(model, "step", Number(step.input.value)));

  const redraw = () => (paint(), draw());
  const stopListening = listen(model, {
    step: () => Math.abs(model.get("step") - Number(step.input.value)) > 1e-6 && (step.move(model.get("step")), draw()),
    temperature: () => Math.abs(model.get("temperature") - temperature()) > 1e-6 && (heat.move(Math.log2(model.get("temperature"))), draw()),
  });
  const stopWatching = watch(el, redraw);
  redraw();
  return () => (stopListening(), stopWatching());
}
