// Puts the progress into the page's title and notifies the browser of what has ended.
// As the one component that always stands beside the table it also reports whether the window is a phone's.
// data: { title, ended: [{ id, task, title, body }], words: { allow }, busy, narrow }
// State sent back: "narrow": whether the table is as narrow as on a phone
// Trigger: "open", the task of a notice or a toast that was clicked: a link would begin another session

const notified = new Set();
const slim = window.matchMedia("(max-width: 640px)");

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const measure = () => { if (slim.matches !== data.narrow) setStateValue("narrow", slim.matches); };
  slim.onchange = measure; // a phone that is turned
  measure();
  if (document.title !== data.title) document.title = data.title;
  const allow = parentElement.querySelector(".allow");
  const can = "Notification" in window;
  allow.textContent = data.words.allow;
  // While it may yet be offered it keeps its space: nothing moves when work begins or ends.
  // Phones are not asked: there only service workers may notify.
  const phone = window.matchMedia("(pointer: coarse)").matches;
  const open = can && !phone && Notification.permission === "default";
  allow.classList.toggle("hidden", !open);
  allow.style.visibility = open && data.busy ? "visible" : "hidden";
  allow.onclick = () => Notification.requestPermission().then(() => allow.classList.add("hidden"));
  for (const note of data.ended) {
    if (notified.has(note.id)) continue;
    notified.add(note.id);
    if (!can || Notification.permission !== "granted" || document.visibilityState === "visible") continue;
    try {
      const shown = new Notification(note.title, { body: note.body, tag: note.id });
      shown.onclick = () => { window.focus(); shown.close(); setTriggerValue("open", note.task); };
    } catch { /* Android's Chrome only lets service workers notify; the toast and the title remain. */ }
  }
  const follow = (event) => {
    const link = event.target.closest?.('[data-testid="stToast"] a[href*="?task="]');
    if (!link) return;
    event.preventDefault();
    setTriggerValue("open", new URL(link.href).searchParams.get("task"));
  };
  document.addEventListener("click", follow, true);
  return () => document.removeEventListener("click", follow, true);
}
