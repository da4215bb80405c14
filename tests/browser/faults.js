// What a person could not read on a page: texts cut, beyond the edge, or too pale.
() => {
  const found = [];
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > room) {
    found.push("the page is " + document.documentElement.scrollWidth + " wide, not " + room);
  }
  const scrolls = (element) => {
    for (let each = element; each && each !== document.body; each = each.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(each).overflowX)) return true;
    }
    return false;
  };
  const channel = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (color, below) => {
    canvas.globalCompositeOperation = "copy";
    canvas.fillStyle = below ? `rgb(${below.join(" ")})` : "#fff";
    canvas.fillRect(0, 0, 1, 1);
    canvas.globalCompositeOperation = "source-over";
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => channel(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colors = [];
    for (let each = element; each; each = each.parentElement) {
      colors.unshift(getComputedStyle(each).backgroundColor);
    }
    return colors.reduce((below, color) => pixel(color, below), null);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const box = range.getBoundingClientRect(), said = JSON.stringify(text.slice(0, 40));
    const drawing = element.closest("svg");
    const edge = drawing ? drawing.getBoundingClientRect() : { left: 0, right: room };
    const free = drawing || !scrolls(element);
    if (free && (box.left < edge.left - 1 || box.right > edge.right + 1)) {
      found.push(`${said} goes from ${box.left.toFixed()} to ${box.right.toFixed()}, there is ` +
        `${edge.left.toFixed()} to ${edge.right.toFixed()}`);
    }
    if (drawing && (box.top < edge.top - 1 || box.bottom > edge.bottom + 1)) {
      found.push(`${said} is above or below its drawing`);
    }
    const style = getComputedStyle(element), below = behind(element);
    const ink = pixel(drawing ? style.fill : style.color, below);
    const [low, high] = [light(ink), light(below)].sort((one, other) => one - other);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.push(`${said} has a contrast of ${ratio.toFixed(2)}`);
  }
  for (const drawn of document.querySelectorAll("canvas")) {
    const frame = (drawn.closest("li") || document.body).getBoundingClientRect();
    const box = drawn.getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1) {
      found.push(`a picture goes from ${box.left.toFixed()} to ${box.right.toFixed()}, its frame ` +
        `from ${frame.left.toFixed()} to ${frame.right.toFixed()}`);
    }
  }
  return [...new Set(found)];
}
