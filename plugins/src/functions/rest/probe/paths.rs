//! Where documents usually are.

/// The paths that are tried where the configuration does not say others: the most common first, since each is a round trip. The
/// comments name who serves them by default.
pub const DOCUMENT_PATHS: &[&str] = &[
    "/openapi.json",            // FastAPI, Huma, LoopBack, Connexion
    "/swagger.json",            // go-swagger, flask-restx, drf-yasg, hapi
    "/v3/api-docs",             // springdoc
    "/swagger/v1/swagger.json", // Swashbuckle
    "/openapi.yaml",
    "/v2/api-docs",      // springfox
    "/api-docs",         // express, rswag
    "/openapi/v1.json",  // ASP.NET 9
    "/swagger/doc.json", // swaggo
    "/api-json",         // NestJS
    "/docs/openapi.json",
    "/api/openapi.json",
    "/api/swagger.json",
    "/api/schema/",         // drf-spectacular
    "/schema/openapi.json", // Litestar
    "/q/openapi",           // Quarkus
    "/openapi",             // MicroProfile
    "/documentation/json",  // fastify
    "/api-docs.json",
    "/swagger.yaml",
    "/docs.jsonopenapi", // API Platform
    "/swagger_doc.json", // grape
    "/api/v1/openapi.json",
    "/v1/openapi.json",
    "/docs/swagger.json",
    "/swagger/docs/v1",
    "/swagger/docs/v2",
    "/v1/swagger",
    "/v2/swagger",
    "/openapi.yml",
    "/openapi/v2", // Kubernetes
];
