// Says that the connection to the server is lost, in place of Streamlit's own dialog.
//
// That dialog speaks English and of Streamlit, in words that differ by address, and makes the whole
// page behind it inert: the players, an upload's own buttons, this line. Closed once, Streamlit
// (1.67) does not open it again before the connection is back. Dialogs of ours stay.
// Tells the window when it is back ("retrack-connected"): what waits to try again tries at once.
// data: { text }

const TITLE = "Connection error"; // the one thing that all forms of the dialog share

export default (component) => show(component, create);

function create(root) {
  const line = root.querySelector(".line");
  let text = "";

  function look() {
    const app = document.querySelector("[data-testid=stApp]");
    const lost = app !== null && app.dataset.testConnectionState !== "CONNECTED";
    const said = lost ? text : "";
    if (line.textContent && !lost) window.dispatchEvent(new Event("retrack-connected"));
    if (line.textContent !== said) line.textContent = said;
    for (const dialog of document.querySelectorAll("[data-testid=stDialog]")) {
      const title = dialog.querySelector("[slot=title], h1, h2, h3");
      if (title?.textContent === TITLE) dialog.querySelector("[aria-label=Close]")?.click();
    }
  }

  const watched = new MutationObserver(look);
  watched.observe(document.body, {
    childList: true, subtree: true, attributeFilter: ["data-test-connection-state"],
  });

  return {
    update({ data }) { text = data.text; look(); },
    destroy() { watched.disconnect(); },
  };
}
