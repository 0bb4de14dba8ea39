// The button on the page: the compare player tells the window which film plays.

export default (component) => show(component, (root) => {
  const save = create(root);
  const onPlaying = ({ detail }) => save.prefetch(detail);
  window.addEventListener("retrack-playing", onPlaying);
  return {
    update: save.update,
    destroy() { window.removeEventListener("retrack-playing", onPlaying); save.destroy(); },
  };
});
