import { useCallback, useEffect, useRef, useState, type ButtonHTMLAttributes, type CSSProperties, type ReactNode } from "react";
import { cx } from "~/lib/cx";
import { Tip } from "./Tip";

type Look = "plain" | "primary" | "danger" | "quiet";
export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "disabled"> {
  look?: Look;
  small?: boolean;
  icon?: boolean;
  /** Why it may not be pressed. The button stays visible and focusable so that the reason can be read. */
  blocked?: string | null | false;
  pending?: boolean;
}

export function Button({ look = "plain", small, icon, blocked, pending, className, onClick, children, type = "button", ...rest }: ButtonProps) {
  const off = Boolean(blocked) || pending;
  const button = (
    <button
      {...rest}
      type={type}
      className={cx("btn", look !== "plain" && `btn-${look}`, small && "btn-sm", icon && "btn-icon", className)}
      aria-disabled={off || undefined}
      aria-busy={pending || undefined}
      onClick={off ? (event) => event.preventDefault() : onClick}
    >
      {children}
    </button>
  );
  return blocked ? <Tip text={blocked}>{button}</Tip> : button;
}

export interface HoldButtonProps {
  children: ReactNode;
  onHeld: () => void;
  holdMs?: number;
  blocked?: string | null;
  className?: string;
  look?: Look;
  label?: string;
  /** A click without a hold; assistive technology that cannot hold sends only clicks. */
  onTap?: () => void;
  autoFocus?: boolean;
}

/** Press and hold, by pointer, Space or Enter. Letting go early does nothing. */
export function HoldButton({ children, onHeld, holdMs = 800, blocked, className, look = "danger", label, onTap, autoFocus }: HoldButtonProps) {
  const [holding, setHolding] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const fired = useRef(false);
  const begin = useCallback(() => {
    if (blocked || timer.current) return;
    fired.current = false;
    setHolding(true);
    timer.current = setTimeout(() => {
      timer.current = undefined;
      fired.current = true;
      setHolding(false);
      onHeld();
    }, holdMs);
  }, [blocked, holdMs, onHeld]);
  const end = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = undefined;
    setHolding(false);
  }, []);
  useEffect(() => end, [end]);
  const button = (
    <button
      type="button"
      className={cx("btn hold", look !== "plain" && `btn-${look}`, className)}
      style={{ "--hold": `${holdMs}ms` } as CSSProperties}
      data-holding={holding}
      aria-disabled={blocked ? true : undefined}
      aria-label={label}
      data-autofocus={autoFocus || undefined}
      onPointerDown={(event) => event.button === 0 && begin()}
      onPointerUp={end}
      onPointerLeave={end}
      onPointerCancel={end}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if ((event.key === " " || event.key === "Enter") && !event.repeat) begin();
        if (event.key === " " || event.key === "Enter") event.preventDefault();
      }}
      onKeyUp={(event) => (event.key === " " || event.key === "Enter") && end()}
      onBlur={end}
      onClick={(event) => {
        // A click with detail 0 comes from assistive technology, which cannot hold.
        if (event.detail === 0 && !fired.current && !blocked) (onTap ?? onHeld)();
      }}
    >
      {children}
    </button>
  );
  return blocked ? <Tip text={blocked}>{button}</Tip> : button;
}
