import java.io.File;
import java.security.cert.X509Certificate;
import javax.xml.crypto.KeySelector;
import javax.xml.crypto.KeySelectorResult;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.X509Data;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;

/** Prints "valid" when the enveloped signature of a file holds. */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        DocumentBuilderFactory documents = DocumentBuilderFactory.newInstance();
        documents.setNamespaceAware(true);
        Document document = documents.newDocumentBuilder().parse(new File(arguments[0]));
        DOMValidateContext context = new DOMValidateContext(new FromCertificate(),
            document.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature").item(0));
        // Recent Java refuses SHA-1 unless told otherwise; Java of 2012 knew nothing better.
        context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.FALSE);
        XMLSignature signature =
            XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context);
        System.out.println(signature.validate(context) ? "valid" : "invalid");
    }

    static class FromCertificate extends KeySelector {
        public KeySelectorResult select(javax.xml.crypto.dsig.keyinfo.KeyInfo info,
            Purpose purpose, javax.xml.crypto.AlgorithmMethod method,
            javax.xml.crypto.XMLCryptoContext context) {
            for (Object item : info.getContent()) {
                if (item instanceof X509Data) {
                    X509Certificate certificate =
                        (X509Certificate) ((X509Data) item).getContent().get(0);
                    return certificate::getPublicKey;
                }
            }
            throw new IllegalStateException("no certificate");
        }
    }
}
