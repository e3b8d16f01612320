import { useRef, type KeyboardEvent, type ReactNode } from "react";

export interface TabItem<T extends string> { value: T; label: ReactNode }

/** A tab list; arrow keys move, the caller renders the panel with id `panel-<value>`. */
export function Tabs<T extends string>({ value, items, onChange, label }: { value: T; items: TabItem<T>[]; onChange: (value: T) => void; label: string }) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const at = items.findIndex((item) => item.value === value);
    const next = items[(at + step + items.length) % items.length];
    if (!next) return;
    onChange(next.value);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.value}"]`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={move}>
      {items.map((item) => (
        <button
          key={item.value} type="button" role="tab" className="tab" data-tab={item.value} id={`tab-${item.value}`}
          aria-selected={item.value === value} aria-controls={`panel-${item.value}`} tabIndex={item.value === value ? 0 : -1}
          onClick={() => onChange(item.value)}
        >
          {item.label}
        </button>
      ))}
    </div>
  );
}
export const TabPanel = ({ value, children }: { value: string; children: ReactNode }) => (
  <div role="tabpanel" id={`panel-${value}`} aria-labelledby={`tab-${value}`} className="min-w-0 pt-3">{children}</div>
);
