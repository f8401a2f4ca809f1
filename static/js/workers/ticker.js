/** A metronome for the page itself: timers of a worker go on at full rate while the page is hidden. */
"use strict";

setInterval(() => postMessage(0), 25);
