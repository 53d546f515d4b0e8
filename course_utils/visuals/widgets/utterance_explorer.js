// One utterance three times over one time axis, with a cursor that runs with the sound.
function renderUtteranceExplorer({ model, el }) {
  el.classList.add("course-widget", "course-explorer");
  const data = model.get("data");
  const samples = floats(data.samples), features = floats(data.features), probabilities = floats(data.probabilities);
  const labels = data.labels, rate = data.sample_rate, seconds = samples.length / rate;
  const bands = data.bands, classes = labels.length, peak = loudest(samples);
  const frames = { features: features.length / bands, labels: probabilities.length / classes };
  const clamp = (value, most) => Math.min(Math.max(value, 0), most);
  const frameAt = (time) => clamp(Math.floor(time / data.frame_seconds), frames.labels - 1);
  let background, place, colours;

  const canvas = element("canvas", { role: "img" });
  const play = element("button", { type: "button", class: "main", onclick: () => (el.sound ? el.sound.stop() : start()) }, "▶ Play");
  const step = Math.max(data.feature_seconds, seconds / 200);
  const time = slider({ label: "Time", min: 0, max: Math.floor(seconds / step) * step, step, value: model.get("time"),
    said: (t) => `${t.toFixed(2)} s`, oninput: (t) => (el.sound?.stop(), draw(t)), onchange: (t) => tell(model, "time", t) });
  const readout = element("p", { class: "figures" });
  const transcript = element("p", { class: "transcript", "aria-live": "polite" });
  const warning = element("p", { class: "warn", role: "status" });
  el.append(element("div", { class: "course-row" }, play, time.row), canvas, transcript, readout, warning);

  function layOut(width) {
    const left = width < 500 ? 48 : 62, row = classes > 14 ? 11 : 15;
    const wave = { top: 4, height: 62 }, mel = { top: 76, height: 112 }, table = { top: 198, height: row * classes };
    return { left, row, wave, mel, table, width: width - left - 6, total: width, height: table.top + table.height + 34 };
  }
  const across = (t) => place.left + (t / seconds) * place.width;

  // What does not move is painted once for each width and theme; a move of the cursor copies it.
  function paint() {
    colours = theme(el);
    place = layOut(el.clientWidth - 30);
    fit(canvas, place.total, place.height);
    background = element("canvas");
    const context = fit(background, place.total, place.height);
    const { left, wave, mel, table } = place;
    strokeWave(context, samples, { left, width: place.width, ...wave, peak, colour: colours.dark ? "#9FB8CF" : PALETTE.models.signal });
    context.imageSmoothingEnabled = false;
    const energy = scale(PALETTE.energy), chance = probabilityScale(colours);
    const [low, high] = [data.low, data.high];
    const spectrogram = pixels(bands, frames.features, (row, t) =>
      energy((features[t * bands + bands - 1 - row] - low) / (high - low || 1)));
    context.drawImage(spectrogram, left, mel.top, across(frames.features * data.feature_seconds) - left, mel.height);
    const posteriors = pixels(classes, frames.labels, (row, t) => chance(probabilities[t * classes + row]));
    context.drawImage(posteriors, left, table.top, across(frames.labels * data.frame_seconds) - left, table.height);
    ruleTable(context);
    nameAxes(context);
  }

  function ruleTable(context) {
    const { left, table, row, width } = place;
    context.strokeStyle = colours.line;
    context.lineWidth = 0.5;
    context.beginPath();
    for (let k = 0; k <= classes; k++) (context.moveTo(left, table.top + k * row), context.lineTo(left + width, table.top + k * row));
    context.stroke();
  }

  function nameAxes(context) {
    const { left, wave, mel, table, width, total } = place;
    context.fillStyle = colours.soft;
    context.font = `11px ${getComputedStyle(el).fontFamily}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText("wave", 0, wave.top + wave.height / 2);
    context.fillText("mel", 0, mel.top + mel.height / 2 - 7);
    context.fillText("bands", 0, mel.top + mel.height / 2 + 7);
    const every = [0.1, 0.2, 0.5, 1, 2, 5, 10].find((gap) => (gap / seconds) * width > 46) || 20;
    const bottom = table.top + table.height;
    for (let t = 0; t <= seconds; t += every) {
      if (across(t) > total - 12) break;
      context.fillRect(across(t), bottom, 1, 4);
      context.textAlign = t ? "center" : "left";
      context.fillText(t.toFixed(every < 1 ? 1 : 0), across(t), bottom + 12);
    }
    context.textAlign = "center";
    context.fillText("time (s)", left + width / 2, bottom + 26);
  }

  function draw(now) {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, place.total, place.height);
    context.drawImage(background, 0, 0, place.total, place.height);
    const frame = frameAt(now), row = probabilities.subarray(frame * classes, (frame + 1) * classes);
    const best = row.indexOf(Math.max(...row));
    nameLabels(context, best);
    // dark with a light rim: seen on the spectrogram, on the table, in both themes
    context.fillStyle = colours.paper;
    context.fillRect(across(now) - 2, 0, 4, place.table.top + place.table.height);
    context.fillStyle = colours.ink;
    context.fillRect(across(now) - 0.75, 0, 1.5, place.table.top + place.table.height);
    const said = `Frame ${frame + 1} of ${frames.labels}: likeliest “${labels[best]}”, probability ${row[best].toFixed(2)}.`;
    readout.textContent = said;
    const heard = data.transcripts.length ? `So far: ${data.transcripts[frame] || "…"}` : "";
    if (transcript.textContent !== heard) transcript.textContent = heard; // a screen reader says each change once
    canvas.setAttribute("aria-label", `Wave, mel bands and label probabilities at ${now.toFixed(2)} of ${seconds.toFixed(2)} s. ${said}`);
    drawn(el);
  }

  function nameLabels(context, best) {
    const { left, table, row } = place;
    const family = getComputedStyle(el).fontFamily;
    context.textAlign = "right";
    context.textBaseline = "middle";
    labels.forEach((label, k) => {
      context.font = `${k === best ? "bold " : ""}${row < 14 ? 10 : 11}px ${family}`;
      context.fillStyle = k === best ? colours.ink : colours.soft;
      context.fillText(label, left - 6, table.top + (k + 0.5) * row + 0.5);
    });
  }

  function start() {
    const from = Number(time.input.value) >= Number(time.input.max) - step ? 0 : Number(time.input.value);
    const goTo = (now) => (time.move(now), draw(now));
    playAlong(el, play, warning, samples, rate, from, {
      move: (t) => goTo(clamp(from + t, seconds)),
      over(whole) {
        if (whole) goTo(seconds); // a busy machine may have missed the last moments
        tell(model, "time", Number(time.input.value));
      },
    });
  }

  function pointed(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const t = ((event.offsetX - place.left) / place.width) * seconds;
    el.sound?.stop();
    time.move(clamp(t, Number(time.input.max)));
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
