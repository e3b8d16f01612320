const paths = {
  deck: "M2 12.5h12M4.5 12.5V7M8 12.5V3.5M11.5 12.5V9",
  traders: "M2 11l3.2-4 2.8 2.4L14 3M10.5 3H14v3.4",
  orders: "M3 4h10M3 8h10M3 12h6",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8 14 14",
  down: "M4 6.5 8 10.5l4-4",
  up: "M4 9.5 8 5.5l4 4",
  right: "M6.5 4l4 4-4 4",
  download: "M8 2.5v7.5M4.8 7.2 8 10.4l3.2-3.2M3 13.5h10",
  play: "M5 3.2v9.6l7.5-4.8z",
  pause: "M5.5 3v10M10.5 3v10",
  step: "M4 3.2v9.6l6-4.8zM12.5 3v10",
  check: "M3 8.5 6.5 12 13 4.5",
  plus: "M8 3v10M3 8h10",
  back: "M9.5 4l-4 4 4 4",
  user: "M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8zM3 13.6c.5-2.4 2.5-3.8 5-3.8s4.5 1.4 5 3.8",
  help: "M6 6.2a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.5M8 11.6v.01",
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name, size = 14, className }: { name: IconName; size?: number; className?: string }) {
  return (
    <svg className={className} width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={name === "more" ? 2.2 : 1.5} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
