// Captions: the words of an utterance, lit as they are spoken, over what was heard; each word plays its own span.
function renderCaptions({ model, el }) {
  el.classList.add("course-widget", "course-explorer", "course-captions");
  const data = model.get("data"), rate = data.sample_rate, samples = floats(data.samples), seconds = samples.length / rate;
  const peak = loudest(samples), clamp = (value, most) => Math.min(Math.max(value, 0), most);
  const step = Math.max(seconds / 200, 0.01);
  let background, place, colours, told = "";

  const canvas = element("canvas", { role: "img" });
  const play = element("button", { type: "button", class: "main", onclick: () => (el.sound ? el.sound.stop() : start(from())) }, "▶ Play");
  const time = slider({ label: "Time", min: 0, max: Math.floor(seconds / step) * step, step, value: model.get("time"),
    said: (t) => `${t.toFixed(2)} s`, oninput: (t) => (el.sound?.stop(), draw(t)), onchange: (t) => tell(model, "time", t) });
  const now = element("p", { class: "transcript", "aria-live": "polite" });
  const table = element("div", { class: "captions", role: "group", "aria-label": "Words of the truth, over what was heard" });
  const warning = element("p", { class: "warn", role: "status" });
  el.append(element("div", { class: "course-row" }, play, time.row), canvas, now, table, warning);

  // One column a row of the alignment: the truth above, what was heard below, and in words what became of it.
  const buttons = [];
  data.rows.forEach(([operation, truth, found]) => {
    const cells = [truth, found].map((cell, which) => word(cell, which ? "heard" : "said"));
    table.append(element("div", { class: `column ${operation}` }, ...cells, element("span", { class: "mark" }, data.marks[operation])));
  });
  table.prepend(element("div", { class: "column names" }, element("span", {}, "said"), element("span", {}, "heard"), element("span", {}, " ")));

  function word(cell, which) {
    if (!cell) return element("span", { class: "absent" }, "—");
    const [text, begin, end] = cell;
    const button = keepKeys(element("button", { type: "button", "aria-label": `Play “${text}”, ${which}, ${begin.toFixed(2)} to ${end.toFixed(2)} s`,
      onclick: () => start(begin, end) }, text));
    buttons.push({ button, text, begin, end, which });
    return button;
  }
  const from = () => (Number(time.input.value) >= Number(time.input.max) - step ? 0 : Number(time.input.value));
  const across = (t) => place.left + (t / seconds) * place.width;

  // What does not move is painted once for each width and theme.
  function paint() {
    colours = theme(el);
    const total = el.clientWidth - 30;
    place = { left: 4, width: total - 8, total, top: 4, tall: 70, height: 104 };
    fit(canvas, total, place.height);
    background = element("canvas");
    const context = fit(background, total, place.height), family = getComputedStyle(el).fontFamily;
    buttons.filter(({ which }) => which === "said").forEach(({ begin, end }, k) => {
      context.fillStyle = colours.accent;
      context.globalAlpha = k % 2 ? 0.2 : 0.1;
      context.fillRect(across(begin), place.top, across(end) - across(begin), place.tall);
    });
    context.globalAlpha = 1;
    strokeWave(context, samples, { left: place.left, width: place.width, top: place.top, height: place.tall, peak, colour: colours.dark ? "#9FB8CF" : PALETTE.models.signal });
    context.fillStyle = colours.soft;
    context.font = `11px ${family}`;
    context.textBaseline = "middle";
    const every = [0.1, 0.2, 0.5, 1, 2, 5, 10].find((gap) => (gap / seconds) * place.width > 46) || 20, bottom = place.top + place.tall;
    for (let t = 0; t <= seconds && across(t) < total - 12; t += every) {
      context.fillRect(across(t), bottom, 1, 4);
      context.textAlign = t ? "center" : "left";
      context.fillText(t.toFixed(every < 1 ? 1 : 0), across(t), bottom + 11);
    }
    context.textAlign = "center";
    context.fillText("time (s)", place.left + place.width / 2, bottom + 24);
  }

  function draw(at) {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, place.total, place.height);
    context.drawImage(background, 0, 0, place.total, place.height);
    context.fillStyle = colours.paper; // dark with a light rim: seen on the wave, in both themes
    context.fillRect(across(at) - 2, 0, 4, place.top + place.tall);
    context.fillStyle = colours.ink;
    context.fillRect(across(at) - 0.75, 0, 1.5, place.top + place.tall);
    const lit = { said: [], heard: [] };
    for (const { button, text, begin, end, which } of buttons) {
      const on = at >= begin && at < end;
      if (on) lit[which].push(text);
      button.classList.toggle("lit", on);
    }
    el.captions = lit; // a page's own script may read it
    const line = lit.said.length || lit.heard.length ? `Said: ${lit.said.join(" ") || "nothing"}. Heard: ${lit.heard.join(" ") || "nothing"}.` : "Between words.";
    if (line !== told) now.textContent = told = line; // a screen reader says each change once
    canvas.setAttribute("aria-label", `Wave of ${seconds.toFixed(2)} s with its words shaded, at ${at.toFixed(2)} s. ${line}`);
    drawn(el);
  }

  function start(begin, end = seconds) {
    const piece = samples.slice(Math.floor(begin * rate), Math.max(Math.ceil(end * rate), Math.floor(begin * rate) + 1));
    const goTo = (now) => (time.move(now), draw(now));
    el.played = [begin, end];
    playAlong(el, play, warning, piece, rate, 0, {
      move: (t) => goTo(Math.min(begin + t, end - 1e-3)),
      over(whole) {
        if (whole) goTo(end - 1e-3); // a busy machine may have missed the last moments; the word stays lit
        if (whole && end === seconds) time.move(seconds);
        tell(model, "time", Number(time.input.value));
      },
    });
  }

  function pointed(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    el.sound?.stop();
    time.move(clamp(((event.offsetX - place.left) / place.width) * seconds, Number(time.input.max)));
    draw(Number(time.input.value));
  }
  for (const kind of ["pointerdown", "pointermove"]) canvas.addEventListener(kind, pointed);
  canvas.addEventListener("pointerup", () => tell(model, "time", Number(time.input.value)));
  keepKeys(play);

  const redraw = () => (paint(), draw(Number(time.input.value)));
  const stopListening = listen(model, {
    time() {
      if (el.sound || Math.abs(model.get("time") - Number(time.input.value)) < step) return;
      time.move(model.get("time"));
      draw(Number(time.input.value));
    },
  });
  const stopWatching = watch(el, redraw);
  redraw();
  return () => (el.sound?.stop(), stopListening(), stopWatching());
}
