-- Administrators change roles and delete accounts. The trigger account_access ends a deleted account's tokens; one that is made again under
-- its name begins with a later generation.
grant update (role), delete on accounts to lumatrace_app;
