-- One row a job. The columns beside `job` are what the message does not hold, or what people ask the file with sqlite3.
CREATE TABLE job (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of submission, which is the order of the queue
    job_id           TEXT NOT NULL UNIQUE,
    state            TEXT NOT NULL,                      -- name of a kintsugi.v1.JobState
    job              BLOB NOT NULL,                      -- kintsugi.v1.Job
    model_config     TEXT NOT NULL,                      -- config.json of the model, verbatim
    resume_directory TEXT,                               -- checkpoint the job was asked to start from
    cancelled        INTEGER NOT NULL                    -- 1 once its end was asked for
);
