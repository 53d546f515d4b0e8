// Three questions before the course begins: do pictures move and does Python answer, is there sound, is there a microphone?
function renderSelfTest({ model, el }) {
  el.classList.add("course-widget", "course-self-test");
  const alive = element("section", {}, element("h4", {}, "1 · Pictures that move"));
  const sound = element("section", {}, element("h4", {}, "2 · Sound"));
  const voice = element("section", {}, element("h4", {}, "3 · Microphone"));
  el.append(alive, sound, voice);
  const ends = [aliveTest(model, el, alive), soundTest(model, sound), microphonePanel(model, el, voice)];
  return () => ends.forEach((end) => end());
}

// The picture is drawn here; the sentence under it comes from Python, to whom the number was sent.
function aliveTest(model, el, parent) {
  const canvas = element("canvas", { role: "img" });
  const answer = element("p", { class: "figures", role: "status" });
  let waiting;
  const control = slider({ label: "Number of waves", min: 1, max: 12, value: model.get("waves"), oninput: (waves) => (draw(waves), ask(waves)) });
  parent.append(control.row, canvas, answer);

  function draw(waves) {
    const colours = theme(el), width = parent.clientWidth, height = 64;
    const context = fit(canvas, width, height);
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    context.beginPath();
    for (let x = 0; x <= width; x++) context.lineTo(x, height / 2 - (height / 2 - 4) * Math.sin((2 * Math.PI * waves * x) / width));
    context.stroke();
    canvas.setAttribute("aria-label", `A line with ${waves} waves.`);
    drawn(el);
  }
  function ask(waves) {
    if (!model.get("live")) return;
    answer.textContent = "Asking Python …";
    tellNow(model, "waves", waves);
    clearTimeout(waiting);
    waiting = setTimeout(() => (answer.textContent = "Python does not answer: is a cell still running? Otherwise restart the kernel (menu Kernel)."), 4000);
  }
  function show() {
    clearTimeout(waiting);
    answer.textContent = model.get("live") ? model.get("echo") : "This page has no Python behind it; in JupyterLab its answer stands here.";
  }
  const stopListening = listen(model, { echo: show });
  const stopWatching = watch(el, () => draw(Number(control.input.value)));
  draw(Number(control.input.value));
  show();
  return () => (stopListening(), stopWatching(), clearTimeout(waiting));
}

// A gentle tone of 440 Hz that fades in and out, so that it does not click.
function tone(rate, seconds) {
  return Float32Array.from({ length: rate * seconds }, (_, k) =>
    0.3 * Math.sin((2 * Math.PI * 440 * k) / rate) * Math.sin((Math.PI * k) / (rate * seconds)) ** 0.5);
}

function soundTest(model, parent) {
  const status = element("p", { role: "status" });
  const say = (heard) => {
    tellNow(model, "heard", heard ? "yes" : "no");
    show();
  };
  const question = element("span", {}, "Did you hear it?");
  const yes = keepKeys(element("button", { type: "button", onclick: () => say(true) }, "Yes"));
  const no = keepKeys(element("button", { type: "button", onclick: () => say(false) }, "No"));
  const play = keepKeys(element("button", { type: "button", class: "main", onclick: () => {
    try {
      playSound(tone(8000, 1), 8000);
    } catch (error) {
      status.textContent = `This browser plays no sound (${error.message}): try a current Firefox, Chrome, Edge or Safari.`;
    }
  } }, "▶ Play a tone"));
  parent.append(element("div", { class: "course-row" }, play, element("span", { class: "together" }, question, yes, no)), status);

  function show() {
    const heard = model.get("heard");
    yes.setAttribute("aria-pressed", heard === "yes");
    no.setAttribute("aria-pressed", heard === "no");
    status.textContent = {
      yes: "✓ Sound works.",
      no: "Look at the volume, at the loudspeaker symbol on this browser tab, and at the sound device that the system has chosen; then play it again.",
    }[heard] || "";
  }
  show();
  return listen(model, { heard: show });
}
