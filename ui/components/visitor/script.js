// Keeps the visitor's key in the browser where nothing sets a cookie: an address would be copied.
// data: { key, fresh }: the key of this session, and whether it was made for it
// State sent back: "kept", the key that the browser has from an earlier session.

const NAME = "retrack_visitor";
let asked = false;

export default function ({ data, setStateValue }) {
  try {
    const kept = localStorage.getItem(NAME);
    if (data.fresh && kept && kept !== data.key && !asked) {
      asked = true;  // once: what the server does not take is replaced
      setStateValue("kept", kept);
    } else localStorage.setItem(NAME, data.key);
  } catch { /* A browser that keeps nothing has a new visitor with each session. */ }
  return () => {};
}
