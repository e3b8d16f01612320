/* One crosshair over all charts of a page: by the time it points at, whatever each chart's samples are. */
import type uPlot from "uplot";

export const syncBy = (key: string): uPlot.Cursor.Sync => ({ key, scales: ["x", null], match: [(own, other) => own === other, () => false] });
