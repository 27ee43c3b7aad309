
CREATE FUNCTION template_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a template is not %', CASE TG_OP WHEN 'UPDATE' THEN 'changed'
                                                                   ELSE 'deleted' END;
END $$;
CREATE TRIGGER template_stays BEFORE UPDATE OR DELETE ON template
FOR EACH ROW EXECUTE FUNCTION template_stays();
