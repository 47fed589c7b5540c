// A finding stands behind its line and leads to it; the tab key writes two spaces.
(() => {
  const editor = document.querySelector("textarea[name=text]");
  const marks = document.querySelector(".marks");
  const list = document.getElementById("findings");
  const style = getComputedStyle(editor);
  const height = parseFloat(style.lineHeight), top = parseFloat(style.paddingTop), left = parseFloat(style.paddingLeft);

  function place() {
    for (const mark of marks.children) {
      const y = top + (mark.dataset.line - 1) * height - editor.scrollTop;
      mark.style.top = `${y}px`;
      mark.style.left = `calc(${left - editor.scrollLeft}px + ${mark.dataset.indent}ch + 2ch)`;
      mark.hidden = y < 0 || y > editor.clientHeight - height;
    }
  }

  function mark() {
    marks.replaceChildren();
    const lines = editor.value.split("\n");
    const seen = new Set();
    for (const finding of list.querySelectorAll("[data-line]")) {
      const line = Number(finding.dataset.line);
      if (!line || seen.has(line) || line > lines.length) continue;
      seen.add(line);
      const made = document.createElement("div");
      made.className = finding.dataset.severity;
      made.dataset.line = line;
      made.dataset.indent = lines[line - 1].length;
      made.textContent = finding.dataset.message.replaceAll("`", "");
      marks.append(made);
    }
    place();
  }

  function go(finding) {
    const line = Math.max(Number(finding.dataset.line), 1);
    const lines = editor.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    editor.focus();
    editor.setSelectionRange(start, start + (lines[line - 1] || "").length);
    editor.scrollTop = Math.max(line - 8, 0) * height;
  }

  new MutationObserver(mark).observe(list, { childList: true });
  editor.addEventListener("scroll", place);
  editor.addEventListener("input", () => marks.replaceChildren());
  list.addEventListener("click", (event) => {
    const finding = event.target.closest("[data-line]");
    if (finding) go(finding);
  });
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-line]")) go(event.target);
  });
  editor.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey) return;
    event.preventDefault();
    document.execCommand("insertText", false, "  ");
  });
})();
