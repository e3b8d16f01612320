/* The acts that the audit knows, to choose from. `satisfies` makes one that the API adds an error here. */
import type { AuditRecord } from "./types";

export const auditActs = {
  "identity:session:open": true, "identity:session:close": true, "identity:link:create": true, "identity:token:create": true,
  "identity:token:revoke": true, "identity:step-up:create": true, "identity:step-up:use": true, "desired:config:create": true,
  "desired:config:apply": true, "desired:config:rollback": true, "desired:config:propose": true, "desired:config:wait": true,
  "desired:pending:approve": true, "desired:pending:cancel": true, "desired:pending:supersede": true, "desired:trader:create": true,
  "desired:trader:change": true, "desired:trader:delete": true, "runner:trader:start": true, "runner:trader:pause": true,
  "runner:trader:resume": true, "runner:trader:stop": true, "runner:trader:restart": true, "desired:strategy:activate": true,
  "runner:order:cancel": true, "runner:orders:cancel": true, "runner:position:close": true, "runner:book:flatten": true,
  "runner:halt:set": true, "runner:halt:clear": true, "runner:replay:set": true, "runner:command:send": true,
  "incidents:alert:acknowledge": true, "jobs:job:create": true, "jobs:job:cancel": true, "readmodels:data:export": true,
  "host:act:report": true, "identity:access:refuse": true,
  "identity:sign-in:try": true, "identity:user:create": true, "identity:user:change": true, "identity:user:role": true,
  "identity:user:disable": true, "identity:user:enable": true, "identity:user:lock": true, "identity:user:unlock": true,
  "identity:factor:add": true, "identity:factor:remove": true, "identity:factors:reset": true, "identity:password:set": true,
  "identity:invitation:create": true, "identity:invitation:revoke": true, "identity:invitation:accept": true,
  "identity:approval:request": true, "identity:approval:approve": true, "identity:approval:refuse": true,
  "identity:approval:revoke": true, "identity:approval:use": true, "identity:profile:change": true,
  "identity:tenant:create": true, "identity:tenant:change": true,
  "stop:kill:send": true, "stop:lift:cancel": true, "stop:drill:run": true,
} satisfies Record<AuditRecord["act"], true>;
