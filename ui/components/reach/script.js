// Brings the opened task's card into sight, once each time that somebody asked to see a task.
// data: { asked }: how many times that was in this visit.

let asked = 0, done = 0, root = null;

export default function ({ data, parentElement }) {
  root = parentElement.querySelector(".reach");
  root.dataset.done = done;
  if (data.asked === asked) return () => {};
  asked = data.asked;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const go = () => {
    const card = document.querySelector(".st-key-detail"), top = card?.getBoundingClientRect().top;
    // Where its head is before one's eyes already, nothing has to move.
    if (top < 0 || top > window.innerHeight / 2) {
      card.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
    }
    root.dataset.done = done = asked;
  };
  // The table above is drawn at about the same time and moves the card.
  setTimeout(go, 300);
  return () => {};
}
