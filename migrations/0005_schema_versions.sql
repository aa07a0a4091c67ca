-- What a server whose role may not migrate can see of the schema's state.
create view schema_versions as select version from _sqlx_migrations where success;

grant select on schema_versions to lumatrace_app;
