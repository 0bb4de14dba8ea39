// The button on the page: the compare player tells the window which film is shown, and which plays.

export default (component) => show(component, (root) => {
  const save = create(root);
  const heard = [
    ["retrack-playing", ({ detail }) => save.prefetch(detail)],
    ["retrack-shown", ({ detail }) => save.shown(detail)],
  ];
  for (const [name, listen] of heard) window.addEventListener(name, listen);
  return {
    update(component) {
      save.update(component);
      window.dispatchEvent(new CustomEvent("retrack-which"));  // it may have been told before
    },
    destroy() {
      for (const [name, listen] of heard) window.removeEventListener(name, listen);
      save.destroy();
    },
  };
});
