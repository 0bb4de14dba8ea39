// An address to hand on: copied, sent by a phone's share sheet, or read from the QR code.
// data: { words, address, code, ends, language }
//   code: the picture's own address; ends: when the link ends (ISO 8601), empty while the task is kept

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const field = find("address"), copy = find("copy"), send = find("send"), code = find("code");
  let words = {};

  copy.onclick = async () => {
    field.select();
    // Without HTTPS there is no clipboard; the older way copies what is selected.
    if (navigator.clipboard) await navigator.clipboard.writeText(field.value).catch(() => {});
    else document.execCommand("copy");
    copy.textContent = words.copied;
  };
  send.onclick = () => navigator.share({ url: field.value }).catch(() => {}); // closed: nothing to say
  field.onfocus = () => field.select();

  return {
    update({ data }) {
      words = data.words;
      if (field.value !== data.address) copy.textContent = words.copy;
      field.value = data.address;
      field.setAttribute("aria-label", words.address);
      send.textContent = words.send;
      const phone = window.matchMedia("(pointer: coarse)").matches;
      send.classList.toggle("hidden", !(phone && navigator.share));
      const when = data.ends && new Date(data.ends).toLocaleString(data.language, { dateStyle: "medium", timeStyle: "short" });
      find("ends").textContent = when ? words.ends_day.replace("{when}", when) : words.ends_task;
      code.src = data.code;
      code.alt = words.code;
    },
    destroy() {},
  };
}
