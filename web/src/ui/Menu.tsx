import { DropdownMenu } from "radix-ui";
import type { ReactElement, ReactNode } from "react";

export interface MenuItem { label: ReactNode; detail?: ReactNode; onSelect: () => void; blocked?: string | null; checked?: boolean }
export type MenuEntry = MenuItem | "line" | { heading: string };

/* Not modal: a modal menu would inject a style element to lock scrolling, which the CSP forbids. */
export function Menu({ trigger, entries, align = "end" }: { trigger: ReactElement; entries: MenuEntry[]; align?: "start" | "end" }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align={align} sideOffset={4} collisionPadding={8}>
          {entries.map((entry, index) => {
            if (entry === "line") return <DropdownMenu.Separator key={index} className="my-1 h-px bg-line" />;
            if ("heading" in entry) return <DropdownMenu.Label key={index} className="px-2 pt-1.5 pb-0.5 text-11 text-faint">{entry.heading}</DropdownMenu.Label>;
            return (
              <DropdownMenu.Item key={index} className="menu-item" disabled={Boolean(entry.blocked)} onSelect={entry.onSelect} title={entry.blocked ?? undefined}>
                <span>{entry.label}</span>
                <span className="text-11 text-muted">{entry.checked ? "✓" : entry.detail}</span>
              </DropdownMenu.Item>
            );
          })}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
