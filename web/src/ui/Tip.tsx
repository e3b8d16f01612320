import { Tooltip } from "radix-ui";
import type { ReactElement, ReactNode } from "react";

/** A short explanation on hover and on focus. The trigger must be focusable. */
export function Tip({ text, children, side = "top" }: { text: ReactNode; children: ReactElement; side?: "top" | "bottom" | "left" | "right" }) {
  if (text == null || text === "") return children;
  return (
    <Tooltip.Root delayDuration={250}>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tip" side={side} sideOffset={6} collisionPadding={8}>{text}</Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
export const TipProvider = Tooltip.Provider;
