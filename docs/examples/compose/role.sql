-- The role of crosscheck for compose.yaml. It may read what the configuration names, and write nothing but the ledger.
CREATE ROLE crosscheck LOGIN PASSWORD 'crosscheck';
