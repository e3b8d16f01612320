/* How a state is drawn: a word, a shape and a colour, never colour alone. */

export type MarkShape = "dot" | "ring" | "bars" | "square" | "hollow" | "triangle" | "diamond" | "dash" | "cross" | "dashed" | "question";
export type StateTone = "ok" | "warn" | "bad" | "unknown" | "muted" | "accent" | "signals" | "paper" | "live";
export interface StateLook { word: string; shape: MarkShape; tone: StateTone; meaning?: string }
