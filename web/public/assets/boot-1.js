/* Runs before the first paint so that the chosen theme never flashes. Preferences only: no secret
   is ever kept in localStorage. Reads the same record as src/lib/prefs.ts. */
(function () {
  var root = document.documentElement;
  var prefs = {};
  try {
    prefs = JSON.parse(localStorage.getItem("tradedeck.prefs") || "{}");
  } catch (_e) {
    prefs = {};
  }
  var wanted = prefs.theme === "light" || prefs.theme === "dark" ? prefs.theme : "";
  if (!wanted) wanted = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  root.dataset.theme = wanted;
  if (prefs.swapUpDown) root.dataset.swap = "true";
})();
