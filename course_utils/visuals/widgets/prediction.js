// A question before an experiment; its answer is told to the page, where the outcome of the same name waits for it.
function renderPrediction({ model, el }) {
  el.classList.add("course-widget", "course-prediction");
  // each widget's module counts from 0: without the name, two questions of a page would share their radio buttons
  const group = `prediction-${model.get("name")}-${serial++}`;
  const status = element("p", { class: "soft", role: "status" });
  const buttons = model.get("choices").map((choice) =>
    keepKeys(element("input", { type: "radio", name: group, value: choice, onchange: () => choose(choice) })));
  const rows = buttons.map((button) => element("label", {}, button, button.value));
  el.append(element("fieldset", {}, element("legend", {}, model.get("question")), ...rows), status);

  function choose(choice) {
    tellNow(model, "chosen", choice);
    window.dispatchEvent(new CustomEvent("course-prediction", { detail: { name: model.get("name"), choice } }));
    show();
  }
  function show() {
    buttons.forEach((button) => (button.checked = button.value === model.get("chosen")));
    status.textContent = model.get("chosen") ? "Kept: it stands beside the result below." : "What do you expect? Choose before you read on.";
  }
  show();
  return listen(model, { chosen: show });
}

function renderOutcome({ model, el }) {
  el.classList.add("course-widget", "course-outcome");
  const predicted = element("p"), found = element("p");
  el.append(predicted, found);

  function show(chosen) {
    const right = chosen === model.get("result");
    predicted.textContent = chosen ? `You predicted: ${chosen}` : "You have not predicted anything yet: the question stands above.";
    found.textContent = `This run says: ${model.get("result")}${right ? " ✓" : ""}`;
  }
  const heard = (event) => event.detail.name === model.get("name") && show(event.detail.choice);
  window.addEventListener("course-prediction", heard);
  show(model.get("chosen"));
  const stop = listen(model, { chosen: () => show(model.get("chosen")) });
  return () => (stop(), window.removeEventListener("course-prediction", heard));
}
