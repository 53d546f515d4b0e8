// A page without Python: the model is an object, and binary data comes as base64.
function revive(state) {
  if (state?.base64 !== undefined) {
    const text = atob(state.base64);
    return new DataView(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
  }
  if (state && typeof state === "object")
    for (const [name, value] of Object.entries(state)) state[name] = revive(value);
  return state;
}

function standaloneModel(state) {
  const listeners = {};
  const of = (event) => (listeners[event] ??= new Set());
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      of(`change:${name}`).forEach((listener) => listener());
    },
    on: (event, listener) => of(event).add(listener),
    off: (event, listener) => of(event).delete(listener),
    save_changes() {},
  };
}
