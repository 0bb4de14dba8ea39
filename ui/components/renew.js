// A film may come by a link into a bucket, which leads there for some minutes only, and a browser that
// was sent there once asks for the rest of the film there. The film's own address gives a new link.

const RENEWED_MS = 5000; // an error so soon after a new link has another cause

// An error of a media element, caught before the element's own listeners see it.
function renew(event) {
  const media = event.target;
  if (!(media instanceof HTMLMediaElement) || media.error?.code !== MediaError.MEDIA_ERR_NETWORK) return;
  const now = performance.now();
  if (now - (Number(media.dataset.renewed) || -RENEWED_MS) < RENEWED_MS) return;
  event.stopImmediatePropagation();
  media.dataset.renewed = String(now);
  const { currentTime, paused } = media;
  media.addEventListener("loadedmetadata", () => {
    media.currentTime = currentTime;
    if (!paused) media.play().catch(() => {});
  }, { once: true });
  media.load();
}
