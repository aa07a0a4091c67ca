-- Filters of the audit log: each of subject, actor and action is walked in the order of the chain, and a span of time by its events
-- alone. Some 240 bytes an event. A table of millions of events is locked against writing while they are made, for seconds.
create index audit_events_subject_idx on audit_events (tenant_id, subject, sequence);
create index audit_events_actor_idx on audit_events (tenant_id, actor, sequence);
create index audit_events_action_idx on audit_events (tenant_id, action, sequence);
create index audit_events_at_idx on audit_events (tenant_id, at, sequence);
