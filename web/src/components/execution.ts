/* Execution figures of an order. Positive slippage is a cost, whichever side it was. Pure. */
import type { Order } from "~/api/types";
import { num } from "~/lib/format";

export function slippageBp(order: Pick<Order, "side" | "decision_price" | "average_price">): number | null {
  const wanted = num(order.decision_price), got = num(order.average_price);
  if (wanted == null || got == null || wanted === 0) return null;
  return ((got - wanted) / wanted) * 10_000 * (order.side === "BUY" ? 1 : -1);
}
export function latencyMs(order: Pick<Order, "sent_at_ns" | "acked_at_ns">): number | null {
  return order.sent_at_ns == null || order.acked_at_ns == null ? null : (order.acked_at_ns - order.sent_at_ns) / 1e6;
}
