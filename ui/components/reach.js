// Scrolls to the opened task's card, once each time that somebody asked to see a task.
// data: { asked }: how many times that was in this visit.

let reached = 0;

export default function ({ data }) {
  if (data.asked === reached) return () => {};
  reached = data.asked;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const go = () => document.querySelector(".st-key-detail")?.scrollIntoView({
    behavior: calm ? "auto" : "smooth", block: "start",
  });
  // The table above is drawn at about the same time and moves the card.
  setTimeout(go, 300);
  return () => {};
}
