// One view for each element, however often Streamlit calls the component for it.
//
// Streamlit calls the default export at each change of data and cleans up when the component
// leaves the page, but also, while its elements live on, after a call that was overtaken by the next one.

const views = new WeakMap();

// create(root): { update(component), destroy() }
function show(component, create) {
  const root = component.parentElement.querySelector(".root");
  if (!views.has(root)) {
    root.addEventListener("error", renew, true);
    views.set(root, create(root));
  }
  views.get(root).update(component);
  return () => {
    if (root.isConnected) return;
    views.get(root)?.destroy();
    views.delete(root);
  };
}
