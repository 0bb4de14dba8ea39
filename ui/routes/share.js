document.addEventListener("error", renew, true);
for (const film of document.querySelectorAll("article")) {
  const video = film.querySelector("video"), root = film.querySelector(".save");
  const data = JSON.parse(root.dataset.save), save = create(root);
  save.update({ data });
  const note = film.querySelector(".note");
  // Chromium plays the sound of a film that it cannot decode, without a picture.
  const unseen = () => { note.textContent = data.words.undecodable; };
  video.addEventListener("error", unseen);
  video.addEventListener("loadedmetadata", () => { if (!video.videoWidth) unseen(); });
  video.addEventListener("play", () => {
    for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
    save.prefetch(data.url);
  });
}
