/* Strategies, their parameter schemas and presets as the mock back end knows them. */
import type { JsonSchema, Preset, Strategy } from "~/api/types";

const object = (properties: Record<string, JsonSchema>): JsonSchema => ({ type: "object", additionalProperties: false, properties, required: Object.keys(properties) });
const integer = (title: string, value: number, minimum: number, maximum: number, description: string): JsonSchema => ({ type: "integer", title, default: value, minimum, maximum, description });
const decimal = (title: string, value: number, minimum: number, maximum: number, description: string): JsonSchema => ({ type: "number", title, default: value, minimum, maximum, description });
const presets = (conservative: Record<string, unknown>, balanced: Record<string, unknown>, aggressive: Record<string, unknown>): Preset[] => [
  { id: "conservative", params: conservative, report: null },
  { id: "balanced", params: balanced, report: null },
  { id: "aggressive", params: aggressive, report: null },
];
export const catalogue: Strategy[] = [
  { id: "ema-cross", name: "EMA cross", description: "Long while the fast average is above the slow one, flat or short below.", origin: "builtin", intervals: ["1d"], instruments: [], schema: object({ fast: integer("Fast", 10, 2, 200, "Bars of the fast average."), slow: integer("Slow", 20, 3, 400, "Bars of the slow average."), allow_short: { type: "boolean", title: "Allow short", default: false } }), presets: presets({ fast: 50, slow: 200, allow_short: false }, { fast: 10, slow: 20, allow_short: false }, { fast: 5, slow: 12, allow_short: true }) },
  { id: "momentum", name: "Momentum", description: "Long when the return over the look-back is above the threshold.", origin: "builtin", intervals: ["1d"], instruments: [], schema: object({ lookback: integer("Look-back", 63, 5, 400, "Bars over which the return is taken."), threshold: decimal("Threshold", 0.02, 0, 0.5, "Return that must be exceeded, as a ratio.") }), presets: presets({ lookback: 126, threshold: 0.05 }, { lookback: 63, threshold: 0.02 }, { lookback: 21, threshold: 0 }) },
  { id: "mean-reversion", name: "Mean reversion", description: "Bollinger bands: buys below the lower band, leaves at the middle.", origin: "builtin", intervals: ["1d"], instruments: [], schema: object({ window: integer("Window", 20, 5, 200, "Bars of the moving average."), width: decimal("Width", 2, 0.5, 5, "Standard deviations of the band.") }), presets: presets({ window: 40, width: 2.5 }, { window: 20, width: 2 }, { window: 10, width: 1.5 }) },
  { id: "breakout", name: "Donchian breakout", description: "Enters above the highest high of the entry channel, leaves below the exit channel.", origin: "builtin", intervals: ["1d"], instruments: [], schema: object({ entry: integer("Entry channel", 55, 5, 400, "Bars of the entry channel."), exit: integer("Exit channel", 20, 2, 200, "Bars of the exit channel.") }), presets: presets({ entry: 100, exit: 50 }, { entry: 55, exit: 20 }, { entry: 20, exit: 10 }) },
  { id: "gold-scalping", name: "Gold scalping", description: "Short moves of XAUUSD around its session mean, with a tight stop.", origin: "builtin", intervals: ["1d"], instruments: [], schema: object({ window: integer("Window", 30, 5, 200, "Bars of the mean."), stop: decimal("Stop", 0.004, 0.001, 0.05, "Distance of the stop as a ratio.") }), presets: presets({ window: 60, stop: 0.003 }, { window: 30, stop: 0.004 }, { window: 15, stop: 0.006 }) },
  { id: "buy-and-hold", name: "Buy and hold", description: "Buys once and keeps. The yardstick for the others.", origin: "builtin", intervals: ["1d"], instruments: [], schema: object({}), presets: presets({}, {}, {}) },
];
