// What all pages gain from a script. Nothing depends on it: without it every link and form works.
"use strict";

// Every time says its local time on hover, also those that arrive later.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  }
}

localTimes(document);
document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));
