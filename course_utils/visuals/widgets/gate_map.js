// An utterance above what a trained layer does with it: one map of units over time, and one unit's curve.
function renderGateMap({ model, el }) {
  el.classList.add("course-widget", "course-explorer", "course-gate-map");
  const data = model.get("data"), { bands, units, low, high } = data, names = Object.keys(data.maps);
  const features = floats(data.features), frames = features.length / bands;
  const maps = Object.fromEntries(names.map((name) => [name, floats(data.maps[name])]));
  const seconds = frames * data.frame_seconds;
  const frameAt = (time) => Math.min(Math.floor(time / data.frame_seconds + 1e-6), frames - 1);
  let chosen = model.get("map"), background, place, colours;

  const canvas = element("canvas", { role: "img" });
  const buttons = names.map((name) => keepKeys(element("button", { type: "button",
    onclick: () => (show(name), tell(model, "map", name)) }, name)));
  const time = slider({ label: "Time", min: 0, max: (frames - 1) * data.frame_seconds, step: data.frame_seconds, value: model.get("time"),
    said: (t) => `${t.toFixed(2)} s`, oninput: () => draw(), onchange: (t) => tell(model, "time", Math.min(t, seconds)) });
  const unit = slider({ label: "Unit", min: 1, max: units, value: model.get("unit"), said: (k) => `${k} of ${units}`,
    oninput: () => draw(), onchange: (k) => tell(model, "unit", k) });
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  el.append(element("div", { class: "course-row", role: "group", "aria-label": "What the map shows" }, ...buttons), canvas,
    time.row, unit.row, readout);

  const signed = () => maps[chosen].some((value) => value < 0);
  const reach = () => (signed() ? loudest(maps[chosen]) || 1 : 1);
  const value = (t, k) => maps[chosen][t * units + k - 1];

  function layOut(width) {
    const left = width < 500 ? 48 : 62, row = Math.max(3, Math.min(9, 200 / units));
    const mel = { top: 4, height: 84 }, table = { top: 98, height: row * units };
    const curve = { top: table.top + table.height + 12, height: 64 };
    return { left, row, mel, table, curve, width: width - left - 6, total: width, height: curve.top + curve.height + 34 };
  }
  const across = (t) => place.left + (t / seconds) * place.width;

  // What the cursor and the unit do not move is painted once for each map, width and theme.
  function paint() {
    colours = theme(el);
    place = layOut(el.clientWidth - 30);
    fit(canvas, place.total, place.height);
    background = element("canvas");
    const context = fit(background, place.total, place.height);
    const { left, mel, table, width } = place;
    context.imageSmoothingEnabled = false;
    const energy = scale(PALETTE.energy), most = reach();
    context.drawImage(pixels(bands, frames, (row, t) => energy((features[t * bands + bands - 1 - row] - low) / (high - low || 1))),
      left, mel.top, width, mel.height);
    const shade = signed() ? signedScale(colours) : probabilityScale(colours);
    const share = (x) => (signed() ? 0.5 + x / most / 2 : x);
    context.drawImage(pixels(units, frames, (row, t) => shade(share(value(t, row + 1)))), left, table.top, width, table.height);
    nameAxes(context);
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", names[k] === chosen));
  }

  function nameAxes(context) {
    const { left, mel, table, curve, width, total } = place;
    context.fillStyle = colours.soft;
    context.font = `11px ${getComputedStyle(el).fontFamily}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText("mel bands", 0, mel.top + mel.height / 2, left - 6);
    context.fillText("units", 0, table.top + table.height / 2);
    context.fillText("one unit", 0, curve.top + curve.height / 2, left - 6);
    const every = [0.1, 0.2, 0.5, 1, 2, 5].find((gap) => (gap / seconds) * width > 46) || 10, bottom = curve.top + curve.height;
    for (let t = 0; t <= seconds && across(t) < total - 12; t += every) {
      context.fillRect(across(t), bottom, 1, 4);
      context.textAlign = t ? "center" : "left";
      context.fillText(t.toFixed(every < 1 ? 1 : 0), across(t), bottom + 12);
    }
    context.textAlign = "center";
    context.fillText("time (s)", left + width / 2, bottom + 26);
  }

  function draw() {
    const context = canvas.getContext("2d"), t = frameAt(Number(time.input.value)), k = Number(unit.input.value);
    const { table, row, curve, left, width } = place;
    context.clearRect(0, 0, place.total, place.height);
    context.drawImage(background, 0, 0, place.total, place.height);
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.2;
    context.strokeRect(left - 1, table.top + (k - 1) * row, width + 2, row);
    drawCurve(context, k, curve);
    const x = across((t + 0.5) * data.frame_seconds);
    context.fillStyle = colours.paper;
    context.fillRect(x - 2, 0, 4, curve.top + curve.height);
    context.fillStyle = colours.ink;
    context.fillRect(x - 0.75, 0, 1.5, curve.top + curve.height);
    let mean = 0;
    for (let one = 1; one <= units; one++) mean += value(t, one) / units;
    const said = `${(t * data.frame_seconds).toFixed(2)} s: ${chosen} of unit ${k} is ${figure(value(t, k))}; the mean over all units is ${figure(mean)}.`;
    readout.textContent = said;
    canvas.setAttribute("aria-label", `Features, ${chosen} and one unit's curve. ${said}`);
    drawn(el);
  }

  function drawCurve(context, k, { top, height }) {
    const most = reach(), bottom = signed() ? -most : 0;
    const y = (x) => top + height - ((x - bottom) / (most - bottom)) * height;
    context.fillStyle = colours.line;
    for (const level of [bottom, most]) context.fillRect(place.left, y(level), place.width, 0.7);
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.font = `10px ${getComputedStyle(el).fontFamily}`;
    for (const level of [bottom, most]) context.fillText(figure(level), place.left - 4, y(level) + (level === most ? 5 : -4));
    context.strokeStyle = colours.dark ? "#4FA3DC" : PALETTE.models.RNN;
    context.lineWidth = 1.8;
    context.beginPath();
    for (let t = 0; t < frames; t++) context.lineTo(across((t + 0.5) * data.frame_seconds), y(value(t, k)));
    context.stroke();
  }

  function show(name) {
    chosen = name;
    redraw();
  }
  function pointed(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const { left, width, table, row } = place;
    time.move(Math.min(Math.max(((event.offsetX - left) / width) * seconds, 0), Number(time.input.max)));
    const over = Math.floor((event.offsetY - table.top) / row);
    if (over >= 0 && over < units) unit.move(over + 1);
    draw();
  }
  for (const kind of ["pointerdown", "pointermove"]) canvas.addEventListener(kind, pointed);
  canvas.addEventListener("pointerup", () => (tell(model, "time", Number(time.input.value)), tell(model, "unit", Number(unit.input.value))));

  const redraw = () => (paint(), draw());
  const stopListening = listen(model, {
    map: () => model.get("map") !== chosen && show(model.get("map")),
    unit: () => model.get("unit") !== Number(unit.input.value) && (unit.move(model.get("unit")), draw()),
    time() {
      if (Math.abs(model.get("time") - Number(time.input.value)) < data.frame_seconds / 2) return;
      time.move(model.get("time"));
      draw();
    },
  });
  const stopWatching = watch(el, redraw);
  redraw();
  return () => (stopListening(), stopWatching());
}
