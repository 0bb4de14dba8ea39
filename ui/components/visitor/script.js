// Keeps the visitor's key in the browser where nothing sets a cookie: an address would be copied.
// data: { key, fresh, moves }: the key of this session, whether it was made for it, and whether it
//   stands in the address, which waits until the browser keeps it
// State sent back: "kept", the key that the browser has.

const NAME = "retrack_visitor";
let asked = false;

export default function ({ data, setStateValue }) {
  try {
    const kept = localStorage.getItem(NAME);
    if (data.fresh && kept && kept !== data.key && !asked) {
      asked = true;  // once: what the server does not take is replaced
      setStateValue("kept", kept);
      return () => {};
    }
    localStorage.setItem(NAME, data.key);
  } catch { /* A browser that keeps nothing has a new visitor with each session. */ }
  if (data.moves) setStateValue("kept", data.key);
  return () => {};
}
